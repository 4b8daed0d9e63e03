"""Reads and locks an account at the vendor."""

from actions.account import DEFAULT_ACCOUNT
from actions.ratelimit.models import VendorAccount


def read(key: int = DEFAULT_ACCOUNT) -> VendorAccount:
    """Return the account without a lock; an unsaved one with the defaults if it has no row yet."""
    return VendorAccount.objects.filter(pk=key).first() or VendorAccount(pk=key)


def lock(key: int = DEFAULT_ACCOUNT) -> VendorAccount:
    """Return the account, locked to the end of the transaction; create its row if needed.

    The lock orders all claims of the account. SQLite has no row locks and needs none: a
    transaction that writes is the only one.
    """
    account = VendorAccount.objects.select_for_update().filter(pk=key).first()
    if account is None:
        VendorAccount.objects.get_or_create(pk=key)
        account = VendorAccount.objects.select_for_update().get(pk=key)
    return account
