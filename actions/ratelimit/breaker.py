"""The circuit breaker: pauses sending after errors of the vendor, then lets one call test it."""

from datetime import timedelta

from actions.ratelimit import clock, window
from actions.ratelimit.models import VendorAccount


def open_for(account: VendorAccount, seconds: float, reason: str) -> None:
    """Send nothing for so many seconds, and then one call alone first."""
    until = clock.now() + timedelta(seconds=seconds)
    if account.blocked_until is None or until > account.blocked_until:
        account.blocked_until, account.blocked_reason = until, reason[:500]
    account.probe = True
    account.save()


def record_failure(account: VendorAccount, reason: str) -> None:
    """A trouble at the vendor: pause, longer with each trouble in a row, at most one window."""
    account.trouble += 1
    whole = window.length().total_seconds()
    open_for(account, min(whole, whole / 30 * 2 ** min(account.trouble - 1, 10)), reason)


def record_success(account: VendorAccount) -> None:
    """The vendor answers properly: no trouble in a row any more, no probing.

    A call that was on its way already when sending was stopped says nothing of what came after.
    """
    if account.blocked_until and account.blocked_until > clock.now():
        return
    if account.probe or account.trouble or account.blocked_until or account.unauthorized:
        account.probe, account.trouble, account.unauthorized = False, 0, 0
        account.blocked_until, account.blocked_reason = None, ""
        account.save()
