"""The vendor's token: shared by all workers through one row, where it lies encrypted."""

import hashlib
from datetime import datetime, timedelta

from django.conf import settings
from django.views.decorators.debug import sensitive_variables

from actions.models import VendorAccount
from actions.vendor.client import Token
from actions.vendor.tokens import seal, unseal

EARLY_SECONDS = 300.0
"""A token is renewed this long before its end, or at nine tenths of a shorter life."""


def _key() -> bytes:
    """The key of this installation and these credentials: others cannot read the row."""
    material = f"opswat-token|{settings.OPSWAT_CLIENT_ID}|{settings.SECRET_KEY}"
    return hashlib.sha256(material.encode()).digest()


@sensitive_variables()
def current(account: VendorAccount, at: datetime) -> str | None:
    """The token if there is one that is still good at that moment."""
    if not account.token_sealed or account.token_until is None or at >= account.token_until:
        return None
    try:
        return unseal(account.token_sealed, _key())
    except ValueError:
        return None


@sensitive_variables()
def store(account: VendorAccount, token: Token, at: datetime) -> None:
    """Keep a fresh token, encrypted, until shortly before its end."""
    early = min(EARLY_SECONDS, token.expires_in / 10)
    account.token_sealed = seal(token.value, _key())
    account.token_until = at + timedelta(seconds=token.expires_in - early)
    account.save()


@sensitive_variables()
def drop(account: VendorAccount, used: str, at: datetime) -> None:
    """Forget the token that the vendor refused, unless a newer one has replaced it."""
    if current(account, at) == used:
        account.token_sealed, account.token_until = "", None
        account.save()
