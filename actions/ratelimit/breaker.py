"""Circuit breaker: pauses sending after errors of the vendor, then lets one call test it."""

from datetime import timedelta

from actions.ratelimit import clock, window
from actions.ratelimit.models import VendorAccount
from actions.ratelimit.states import PauseCause

SHORTEST_WAIT = 1.0
"""Seconds to wait at least after a 429: the vendor may round its time down (*assumed*)."""

STOPS_AFTER = 3
"""Refusals in a row after which the calls as such are taken to be refused, not their content."""


def open_for(
    account: VendorAccount, seconds: float, reason: str, cause: PauseCause = PauseCause.NONE
) -> None:
    """Stop sending for so many seconds; after them one call at a time until one succeeds."""
    until = clock.now() + timedelta(seconds=seconds)
    if account.open_until is None or until > account.open_until:
        account.open_until, account.open_reason = until, reason[:500]
        account.open_cause = cause
    account.half_open = True
    account.save()


def record_failure(
    account: VendorAccount,
    reason: str,
    cause: PauseCause = PauseCause.NONE,
    *,
    wait: float | None = None,
) -> None:
    """Open the breaker after an error of the vendor; the pause doubles, up to one window.

    `wait` are the seconds that a gateway has asked for (Retry-After), obeyed up to two windows.
    """
    account.consecutive_failures += 1
    asked = min(wait or 0.0, 2 * window.length().total_seconds())
    open_for(account, max(asked, growing(account.consecutive_failures)), reason, cause)


def record_refusal(account: VendorAccount, reason: str) -> None:
    """Open the breaker if calls were refused STOPS_AFTER times in a row, whatever they held."""
    account.consecutive_failures += 1
    times = account.consecutive_failures - STOPS_AFTER + 1
    if times > 0:
        open_for(account, growing(times), reason, PauseCause.REFUSED)
    else:
        account.save()


def record_throttled(
    account: VendorAccount, wait: float | None, reason: str, cause: PauseCause
) -> None:
    """Open the breaker for the vendor's wait in seconds after a 429, at most two windows.

    A wait of 0 tells nothing: the vendor has just refused. Then, and without one, it is a window.
    Each refusal of a probe doubles the shortest wait, because the vendor may round its time down.
    """
    if account.open_until is None or account.open_until <= clock.now():
        account.consecutive_failures += 1
    whole = window.length().total_seconds()
    shortest = max(min(SHORTEST_WAIT, whole), growing(account.consecutive_failures - 1))
    open_for(account, min(max(wait or whole, shortest), 2 * whole), reason, cause)


def growing(times: int) -> float:
    """Return the pause in seconds after so many failures in a row: it doubles, up to a window."""
    whole = window.length().total_seconds()
    return float(min(whole, whole / 30 * 2 ** min(max(times, 1) - 1, 10)))


def record_success(account: VendorAccount) -> None:
    """Close the breaker after a good answer.

    While the breaker is open, a good answer belongs to a call that was in flight when it opened,
    and does not show that the vendor has recovered.
    """
    if account.open_until and account.open_until > clock.now():
        return
    if (
        account.half_open
        or account.consecutive_failures
        or account.open_until
        or account.unauthorized
    ):
        account.half_open, account.consecutive_failures, account.unauthorized = False, 0, 0
        account.open_until, account.open_reason, account.open_cause = None, "", PauseCause.NONE
        account.save()
