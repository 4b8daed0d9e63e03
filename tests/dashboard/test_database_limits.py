"""The time-outs of PostgreSQL's connections, and the work that they must not end."""

import pytest
from django.db import connection

from actions import long_statements
from dashboard.start import LIVE_CONNECTIONS, use_pool

NAMES = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")


def limits() -> dict[str, str]:
    """Return the limits of this connection; SQLite has none."""
    if connection.vendor != "postgresql":
        return {}
    with connection.cursor() as cursor:
        cursor.execute("SELECT name, setting FROM pg_settings WHERE name = ANY(%s)", [list(NAMES)])
        return dict(cursor.fetchall())


@pytest.mark.django_db(transaction=True)
def test_m5_connections_have_limits_and_long_work_has_none_for_its_statements():
    connection.close()  # It made the tables, which has no limits either.
    usual = limits()
    on_server = connection.vendor == "postgresql"
    expected = dict(zip(NAMES, ("60000", "10000", "60000"), strict=True))
    assert usual == (expected if on_server else {})

    with long_statements.allowed():
        lifted = dict(zip(NAMES, ("0", "10000", "0"), strict=True))
        assert limits() == (lifted if on_server else {})

    assert limits() == usual


def test_m5_the_web_shares_a_bounded_number_of_connections_and_only_on_postgresql(settings):
    for engine in ("postgresql", "sqlite3"):
        options: dict[str, object] = {}
        settings.DATABASES = {
            "default": {"ENGINE": f"django.db.backends.{engine}", "OPTIONS": options}
        }
        settings.WEB_REQUESTS = 7

        use_pool()

        found = options.get("pool")
        assert (found is None) == (engine == "sqlite3")
        if isinstance(found, dict):
            assert found["max_size"] == 7 + LIVE_CONNECTIONS
