"""Find the requests that still have work or need a person, without reading finished ones."""

from collections.abc import Sequence

from django.db import connection

from actions.action_requests.models import ActionRequest
from actions.action_requests.states import CommandStatus
from actions.ratelimit.states import CallState, Lane

S = CommandStatus
MAX_RUNNING = 100
"""Running requests are counted up to this number."""

MAX_KEY = 2**63 - 1
"""The highest possible key of a request."""

_QUEUED = [f"status = '{S.QUEUED}' AND lane = {int(lane)}" for lane in Lane]
_HELD = f"status = '{S.HELD}'"
_SENDING = (
    # CROSS makes SQLite begin with the few open calls, not with all commands that have a call.
    "SELECT request_id "  # noqa: S608  # Constants of the engine.
    "FROM actions_vendorcall open_call CROSS JOIN actions_devicecommand command "
    f"WHERE command.call_id = open_call.id AND open_call.state = '{CallState.SENDING}' "
    f"AND command.status = '{S.SENDING}'"
)


def running_count() -> int:
    """Return how many requests still have work, at most MAX_RUNNING."""
    return min(MAX_RUNNING, len(_newest([*_QUEUED, _HELD], MAX_RUNNING, besides=[_SENDING])))


def needing_attention(limit: int) -> list[ActionRequest]:
    """Return the latest requests with commands whose outcome is unknown."""
    keys = _newest([f"status = '{S.UNCONFIRMED}'"], limit)
    return list(ActionRequest.objects.filter(pk__in=keys).order_by("-id")) if keys else []


def _newest(conditions: Sequence[str], limit: int, besides: Sequence[str] = ()) -> set[int]:
    """Return the newest requests that have a command with one of these conditions, in one query.

    A recursive query seeks the next request of each condition in a partial index on the request, or
    on the lane and the request. So the cost depends neither on the number of finished requests nor
    on the number of devices of those that run. `besides` are further queries for requests.
    """
    begin = ", ".join(f"({number}, {MAX_KEY}, 0)" for number in range(len(conditions)))
    next_key = " ".join(
        f"WHEN {number} THEN (SELECT max(request_id) FROM actions_devicecommand "  # noqa: S608
        f"WHERE {condition} AND request_id < request)"
        for number, condition in enumerate(conditions)
    )
    walk = (
        f"WITH RECURSIVE walk(number, request, depth) AS (VALUES {begin} UNION ALL "  # noqa: S608
        f"SELECT number, CASE number {next_key} END, depth + 1 FROM walk "
        f"WHERE request IS NOT NULL AND depth < {limit}) "
        "SELECT request FROM walk WHERE depth > 0 AND request IS NOT NULL"
    )
    with connection.cursor() as cursor:
        cursor.execute(" UNION ".join([walk, *besides]))
        return {key for (key,) in cursor.fetchall()}
