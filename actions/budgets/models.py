"""What each person has asked for in the present minute."""

from django.db import models


class PersonBudget(models.Model):
    """How often one actor has asked for one thing since `since`.

    `actor` is the source and the name of an actor, `name` a `budget.Budget`.
    """

    actor = models.CharField(max_length=170)
    name = models.CharField(max_length=20)
    since = models.DateTimeField()
    used = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["actor", "name"], name="budget_once_for_an_actor"),
        ]

    def __str__(self) -> str:
        return f"{self.actor}: {self.used} {self.name}"
