"""Django's Argon2 hasher with a limit for its memory: each hash takes 100 MB while it works."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.contrib.auth.hashers import Argon2PasswordHasher

_free = threading.BoundedSemaphore(max(1, settings.WEB_PASSWORD_CHECKS))


class TooManyPasswordChecks(Exception):
    """Other passwords were being checked for WEB_WAIT_SECONDS. Try again."""


class BoundedArgon2(Argon2PasswordHasher):
    """Argon2 for at most WEB_PASSWORD_CHECKS passwords at once; the hashes are the same."""

    def encode(self, password: str, salt: str) -> str:
        """Hash a password; raise TooManyPasswordChecks if it is not its turn in time."""
        with _turn():
            return super().encode(password, salt)

    def verify(self, password: str, encoded: str) -> bool:
        """Check a password; raise TooManyPasswordChecks if it is not its turn in time."""
        with _turn():
            return super().verify(password, encoded)


@contextmanager
def _turn() -> Iterator[None]:
    if not _free.acquire(timeout=settings.WEB_WAIT_SECONDS):
        raise TooManyPasswordChecks("Too many passwords are being checked.")
    try:
        yield
    finally:
        _free.release()
