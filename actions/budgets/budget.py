"""Count what a person asks for, and refuse what exceeds the limit of a minute."""

from datetime import timedelta
from enum import StrEnum
from math import ceil

from django.conf import settings
from django.db import transaction
from django.utils.timezone import now

from actions.actor import Actor
from actions.budgets.models import PersonBudget
from actions.errors import Code, Problem, Refused

WINDOW = timedelta(minutes=1)


class Budget(StrEnum):
    """What is counted; the limits are in the setting BUDGETS_PER_MINUTE."""

    REFRESHES = "refreshes"
    POLLS = "polls"
    EXPORTS = "exports"
    SELECTIONS = "selections"
    UPLOADS = "uploads"


class OverBudget(Refused):
    """The person has asked too often; `seconds` is when the next may be asked."""

    def __init__(self, budget: Budget, limit: int, seconds: int) -> None:
        super().__init__(
            Problem(
                "",
                Code.OVER_BUDGET,
                "You have reached the limit of %(limit)s %(what)s a minute. "
                "Try again in %(seconds)s s.",
                {"limit": limit, "what": budget.value, "seconds": seconds},
            )
        )
        self.seconds = seconds


@transaction.atomic
def take(actor: Actor, budget: Budget) -> None:
    """Count one; raises OverBudget if the actor has used the limit of this minute.

    Call it before the work. Within the transaction of the work, work that is refused for another
    reason is not counted.
    """
    limit = settings.BUDGETS_PER_MINUTE[budget]
    owner = f"{actor.source}:{actor.name}"[:170]
    PersonBudget.objects.bulk_create(
        [PersonBudget(actor=owner, name=budget, since=now())], ignore_conflicts=True
    )
    row = PersonBudget.objects.select_for_update().get(actor=owner, name=budget)
    at = now()  # Read under the lock: an earlier time could lie before a minute just begun.
    # A minute that begins in the future was begun before the clock was set back.
    if not row.since <= at < row.since + WINDOW:
        row.since, row.used = at, 0
    if row.used >= limit:
        raise OverBudget(budget, limit, ceil((row.since + WINDOW - at).total_seconds()))
    row.used += 1
    row.save()


def drop_old() -> int:
    """Delete the rows of past minutes; return how many."""
    return PersonBudget.objects.filter(since__lt=now() - WINDOW).delete()[0]
