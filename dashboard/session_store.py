"""Sessions in the database under a hash of their key.

The key is the whole credential of a session: who reads the table, a backup or the file of SQLite
must not be able to use it. `session_key` of the store stays the key that the cookie holds.
"""

from hashlib import blake2b
from typing import Any, cast

from asgiref.sync import sync_to_async
from django.contrib.sessions.backends import db
from django.contrib.sessions.models import Session
from django.utils import timezone


def stored(session_key: str | None) -> str:
    """Return the hash under which a session is stored; 40 characters, as the column is wide."""
    return blake2b((session_key or "").encode(), digest_size=20).hexdigest()


PIECE, MOST_PIECES = 1_000, 20
"""Expired sessions that one statement deletes, and statements of one sweep."""


class SessionStore(db.SessionStore):
    """Django's sessions in the database, by the hash of the key."""

    @classmethod
    def clear_expired(cls) -> None:
        """Delete expired sessions in short transactions; the next sweep deletes the rest."""
        expired = Session.objects.filter(expire_date__lt=timezone.now())
        for _ in range(MOST_PIECES):
            keys = list(expired.values_list("pk", flat=True)[:PIECE])
            Session.objects.filter(pk__in=keys).delete()
            if len(keys) < PIECE:
                return

    def _get_session_from_db(self) -> Session | None:
        live = Session.objects.filter(expire_date__gt=timezone.now())
        found = live.filter(session_key=stored(self.session_key)).first()
        if found is None:
            self._session_key = None  # An unknown key is never adopted.
        return found

    async def _aget_session_from_db(self) -> Session | None:
        return await sync_to_async(self._get_session_from_db)()

    def exists(self, session_key: str) -> bool:
        """Return whether there is a session with this key."""
        return super().exists(stored(session_key))

    async def aexists(self, session_key: str) -> bool:
        """Return whether there is a session with this key."""
        return await super().aexists(stored(session_key))

    def create_model_instance(self, data: dict[str, Any]) -> Session:
        """Return the row of this session."""
        row = cast("Session", super().create_model_instance(data))
        row.session_key = stored(row.session_key)
        return row

    async def acreate_model_instance(self, data: dict[str, Any]) -> Session:
        """Return the row of this session."""
        row = cast("Session", await super().acreate_model_instance(data))
        row.session_key = stored(row.session_key)
        return row

    def delete(self, session_key: str | None = None) -> None:
        """Remove the session with this key, or this session."""
        if key := session_key or self.session_key:
            Session.objects.filter(session_key=stored(key)).delete()

    async def adelete(self, session_key: str | None = None) -> None:
        """Remove the session with this key, or this session."""
        await sync_to_async(self.delete)(session_key)
