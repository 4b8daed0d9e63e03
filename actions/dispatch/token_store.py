"""Stores the vendor's access token, encrypted, in the account's row that all workers share."""

import hashlib
from contextlib import suppress
from datetime import datetime, timedelta

from django.conf import settings
from django.views.decorators.debug import sensitive_variables

from actions.opswat import tokens
from actions.opswat.client import Token
from actions.ratelimit.models import VendorAccount

EARLY_SECONDS = 300.0
"""Seconds before its expiry at which a token is renewed; at most a tenth of its lifetime."""


def _key(secret: str) -> bytes:
    """Return the key, derived from SECRET_KEY or a former one, and the client ID."""
    material = f"opswat-token|{settings.OPSWAT_CLIENT_ID}|{secret}"
    return hashlib.sha256(material.encode()).digest()


def current(account: VendorAccount, at: datetime) -> str | None:
    """Return the encrypted token if there is one that is valid at that time."""
    if (
        not account.token_encrypted
        or account.token_expires_at is None
        or at >= account.token_expires_at
    ):
        return None
    try:
        decrypt(account.token_encrypted)
    except ValueError:  # Encrypted with another SECRET_KEY or for other credentials.
        return None
    return account.token_encrypted


@sensitive_variables()
def decrypt(encrypted: str) -> str:
    """Return the token in clear text, for the client alone; raises ValueError."""
    for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS):
        with suppress(ValueError):
            return tokens.decrypt(encrypted, _key(secret))
    raise ValueError("The token was encrypted with another SECRET_KEY, or for another client.")


@sensitive_variables()
def store(account: VendorAccount, token: Token, at: datetime) -> None:
    """Store a new token, encrypted, until shortly before its expiry."""
    early = min(EARLY_SECONDS, token.expires_in / 10)
    account.token_encrypted = tokens.encrypt(token.value, _key(settings.SECRET_KEY))
    account.token_expires_at = at + timedelta(seconds=token.expires_in - early)
    account.save()


def invalidate(account: VendorAccount, encrypted: str) -> None:
    """Delete the token that the vendor refused, unless a newer one has replaced it."""
    if account.token_encrypted == encrypted:
        account.token_encrypted, account.token_expires_at = "", None
        account.save()
