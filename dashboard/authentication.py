"""Who is let in: at sign-in, and again with each request of a session.

The sessions of a database outlive a change of the vendor, so a check at sign-in or at the start of
a process would let the demo users of the simulator into a real fleet.
"""

from typing import Any, TypeGuard

from allauth.account.auth_backends import AuthenticationBackend
from asgiref.sync import sync_to_async
from django.contrib.auth.base_user import AbstractBaseUser
from django.http import HttpRequest

from dashboard.models import User


class UserBackend(AuthenticationBackend):  # type: ignore[misc]  # allauth has no types.
    """Lets in users who may act; to all others it answers as to a wrong password."""

    def authenticate(
        self, request: HttpRequest | None, **credentials: Any
    ) -> AbstractBaseUser | None:
        """Return the user with these credentials."""
        user = super().authenticate(request, **credentials)
        return user if _may_act(user) else None

    def get_user(self, user_id: int) -> AbstractBaseUser | None:
        """Return the user of a session."""
        user = super().get_user(user_id)
        return user if _may_act(user) else None

    async def aget_user(self, user_id: int) -> AbstractBaseUser | None:
        """Return the user of a session of an asynchronous view."""
        user: AbstractBaseUser | None = await sync_to_async(self.get_user)(user_id)
        return user


def _may_act(user: AbstractBaseUser | None) -> TypeGuard[User]:
    return isinstance(user, User) and user.may_act
