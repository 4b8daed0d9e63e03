"""Circuit breaker: pauses sending after errors of the vendor, then lets one call test it."""

from datetime import timedelta

from actions.ratelimit import clock, window
from actions.ratelimit.models import VendorAccount


def open_for(account: VendorAccount, seconds: float, reason: str) -> None:
    """Stop sending for so many seconds; after them one call at a time until one succeeds."""
    until = clock.now() + timedelta(seconds=seconds)
    if account.open_until is None or until > account.open_until:
        account.open_until, account.open_reason = until, reason[:500]
    account.half_open = True
    account.save()


def record_failure(account: VendorAccount, reason: str) -> None:
    """Open the breaker after an error of the vendor; the pause doubles, up to one window."""
    account.consecutive_failures += 1
    whole = window.length().total_seconds()
    open_for(
        account, min(whole, whole / 30 * 2 ** min(account.consecutive_failures - 1, 10)), reason
    )


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
        account.open_until, account.open_reason = None, ""
        account.save()
