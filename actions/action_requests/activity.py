"""Which requests still have work or need a person, found without a look at those that are done."""

from collections.abc import Sequence

from django.db import connection

from actions.action_requests.models import ActionRequest
from actions.action_requests.states import CommandStatus
from actions.ratelimit.states import CallState, Lane

S = CommandStatus
MANY = 100
"""More requests that run at once are not told apart."""

LAST = 2**63 - 1
"""No key of a request is higher."""

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


def needing_attention(limit: int) -> list[ActionRequest]:
    """The latest requests with devices whose outcome nobody knows."""
    keys = _newest([f"status = '{S.UNCONFIRMED}'"], limit)
    return list(ActionRequest.objects.filter(pk__in=keys).order_by("-id")) if keys else []


def _newest(conditions: Sequence[str], most: int, besides: Sequence[str] = ()) -> set[int]:
    """The keys of the newest requests that have a command of which one of these is true; one query.

    Each next request is looked up in an index of just those commands that begins with the request,
    or with the lane and the request; so neither the requests of the past nor the size of those that
    run matter.
    """
    begin = ", ".join(f"({number}, {LAST}, 0)" for number in range(len(conditions)))
    next_key = " ".join(
        f"WHEN {number} THEN (SELECT max(request_id) FROM actions_devicecommand "  # noqa: S608
        f"WHERE {condition} AND request_id < request)"
        for number, condition in enumerate(conditions)
    )
    walk = (
        f"WITH RECURSIVE walk(number, request, place) AS (VALUES {begin} UNION ALL "  # noqa: S608
        f"SELECT number, CASE number {next_key} END, place + 1 FROM walk "
        f"WHERE request IS NOT NULL AND place < {most}) "
        "SELECT request FROM walk WHERE place > 0 AND request IS NOT NULL"
    )
    with connection.cursor() as cursor:
        cursor.execute(" UNION ".join([walk, *besides]))
        return {key for (key,) in cursor.fetchall()}
