"""Which requests still have work or need a person, found without a look at those that are done."""

from collections.abc import Sequence

from django.db import connection

from actions.models import ActionRequest
from actions.states import CallState, CommandStatus, Lane

S = CommandStatus
MANY = 100
"""More requests that run at once are not told apart."""

_QUEUED = [f"status = '{S.QUEUED}' AND lane = {int(lane)}" for lane in Lane]
_HELD = f"status = '{S.HELD}'"
_SENDING = (
    # CROSS: SQLite then begins with the few open calls, not with all commands that have any.
    "SELECT request_id "  # noqa: S608  # The engine's own words.
    "FROM actions_vendorcall open_call CROSS JOIN actions_devicecommand command "
    f"WHERE command.call_id = open_call.id AND open_call.state = '{CallState.SENDING}' "
    f"AND command.status = '{S.SENDING}'"
)


def running_count() -> int:
    """How many requests still have work, for the badge in the navigation; 100 means many."""
    return min(MANY, len(_newest([*_QUEUED, _HELD], MANY, besides=[_SENDING])))


def needing_a_person(limit: int) -> list[ActionRequest]:
    """The latest requests with devices whose outcome nobody knows."""
    keys = _newest([f"status = '{S.UNCONFIRMED}'"], limit)
    return list(ActionRequest.objects.filter(pk__in=keys).order_by("-id")) if keys else []


def _newest(conditions: Sequence[str], most: int, besides: Sequence[str] = ()) -> set[int]:
    """The keys of the newest requests that have a command of which one of these is true; one query.

    Each next request is looked up in an index of just those commands that begins with the request,
    or with the lane and the request; so neither the requests of the past nor the size of those that
    run matter.
    """
    last = "SELECT max(request_id) FROM actions_devicecommand WHERE"
    steps = ", ".join(
        f"walk_{number}(request, place) AS (SELECT ({last} {condition}), 1 UNION ALL "  # noqa: S608
        f"SELECT ({last} {condition} AND request_id < request), place + 1 FROM walk_{number} "
        f"WHERE request IS NOT NULL AND place < {most})"
        for number, condition in enumerate(conditions)
    )
    found = [f"SELECT request FROM walk_{number}" for number in range(len(conditions))]  # noqa: S608
    with connection.cursor() as cursor:
        cursor.execute(f"WITH RECURSIVE {steps} {' UNION '.join([*found, *besides])}")
        return {key for (key,) in cursor.fetchall() if key is not None}
