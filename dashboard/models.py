"""The people who use the console."""

from django.contrib.auth.models import AbstractUser
from django.db import models

from actions.roles import Role


class User(AbstractUser):
    """A person; the role says what they may do here. Demo people only act on the simulator."""

    role = models.CharField(max_length=20, choices=Role.choices, default=Role.VIEWER)
    is_demo = models.BooleanField(default=False)

    @property
    def rank(self) -> Role:
        """The role as the word that the engine knows."""
        return Role(self.role)
