"""The vendor's token: shared by all workers through one row, where it lies encrypted."""

import hashlib
from datetime import datetime, timedelta

from django.conf import settings
from django.views.decorators.debug import sensitive_variables

from actions.opswat import tokens
from actions.opswat.client import Token
from actions.ratelimit.models import VendorAccount

EARLY_SECONDS = 300.0
"""A token is renewed this long before its end, or at nine tenths of a shorter life."""


def _key() -> bytes:
    """The key of this installation and these credentials: others cannot read the row."""
    material = f"opswat-token|{settings.OPSWAT_CLIENT_ID}|{settings.SECRET_KEY}"
    return hashlib.sha256(material.encode()).digest()


def current(account: VendorAccount, at: datetime) -> str | None:
    """The token, still sealed, if there is one that is good at that moment."""
    if (
        not account.token_encrypted
        or account.token_expires_at is None
        or at >= account.token_expires_at
    ):
        return None
    try:
        decrypt(account.token_encrypted)
    except ValueError:  # Sealed under another key: an old SECRET_KEY or other credentials.
        return None
    return account.token_encrypted


@sensitive_variables()
def decrypt(sealed: str) -> str:
    """The token in clear, for the one function that hands it to the client; raises ValueError."""
    return tokens.decrypt(sealed, _key())


@sensitive_variables()
def store(account: VendorAccount, token: Token, at: datetime) -> None:
    """Keep a fresh token, encrypted, until shortly before its end."""
    early = min(EARLY_SECONDS, token.expires_in / 10)
    account.token_encrypted = tokens.encrypt(token.value, _key())
    account.token_expires_at = at + timedelta(seconds=token.expires_in - early)
    account.save()


def invalidate(account: VendorAccount, sealed: str) -> None:
    """Forget the token that the vendor refused, unless a newer one has replaced it."""
    if account.token_encrypted == sealed:
        account.token_encrypted, account.token_expires_at = "", None
        account.save()
