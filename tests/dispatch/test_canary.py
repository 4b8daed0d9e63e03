"""The token and the client secret are found only where they must be."""

import logging
import tempfile
import traceback
from pathlib import Path

import pytest
import redis
from django.apps import apps
from django.db import connection
from django.test import RequestFactory
from django.views.debug import ExceptionReporter

from actions import on_commit
from actions.action_requests.models import DeviceCommand
from actions.dispatch import claims, dispatcher, token_store
from actions.inventory.sync import start_sync
from actions.ratelimit import clock
from actions.ratelimit.models import VendorAccount, VendorCall
from dashboard.standalone.redis_server import own_redis
from tests.factories import enrol, make_request

FAULTS: tuple[tuple[str, dict[str, int]], ...] = (
    ("cut_after", {}),
    ("cut_before", {}),
    ("timeout_after", {}),
    ("cut_body", {}),
    ("status", {"code": 500}),
    ("status", {"code": 404}),
    ("html", {}),
    ("broken_json", {}),
    ("huge", {}),
    ("redirect", {}),
    ("throttled", {"reset": 0}),
    ("expired_token", {}),
    ("odd_status", {}),
)


def everything_stored() -> str:
    """Every row of every table as text."""
    text = []
    with connection.cursor() as cursor:
        for model in apps.get_models(include_auto_created=True):
            cursor.execute(f'SELECT * FROM "{model._meta.db_table}"')  # noqa: S608
            text += [repr(row) for row in cursor.fetchall()]
    return "\n".join(text)


@pytest.mark.django_db
def test_no_fault_lets_a_secret_out_of_the_engine(operator, vendor, settings, caplog):
    caplog.set_level(logging.DEBUG)
    settings.OPSWAT_TIMEOUT = (0.5, 0.3)
    settings.OPSWAT_RATE_LIMIT = (1000, 0.3)
    canaries = {settings.OPSWAT_CLIENT_SECRET}
    for number, (fault, options) in enumerate(FAULTS):
        enrol(vendor, f"d{number}")
        make_request(operator, f"d{number}", kind="delete")
        vendor.fault(fault, **options)
        dispatcher.dispatch(10, alone=True)
        sealed = token_store.current(VendorAccount.objects.get(), clock.now())
        canaries |= {token_store.decrypt(sealed)} if sealed else set()
    start_sync(operator)
    dispatcher.dispatch(10, alone=True)

    assert len(canaries) >= 3  # The secret, a token, and the one that replaced it.
    stored = everything_stored()
    assert "call.unconfirmed" in stored  # What went wrong is there, the secrets are not.
    for canary in canaries:
        assert canary not in stored
        assert canary not in caplog.text


@pytest.mark.django_db
def test_the_debug_page_of_a_crash_in_the_middle_of_a_call_shows_no_secret(
    operator, vendor, settings
):
    """A programming error while the token is in hand: the page and the traceback stay clean."""
    settings.DEBUG = True
    enrol(vendor, "kiosk")
    make_request(operator, "kiosk")
    dispatcher.step()
    sealed = token_store.current(VendorAccount.objects.get(), clock.now())
    assert sealed
    taken = claims.claim()
    assert isinstance(taken, claims.Claim)
    DeviceCommand.objects.all().delete()
    VendorCall.objects.all().delete()  # So that recording the answer crashes.
    try:
        dispatcher.send(taken)
    except Exception as error:  # noqa: BLE001
        engine = error.__traceback__.tb_next if error.__traceback__ else None  # Not this frame.
        report = ExceptionReporter(RequestFactory().get("/"), type(error), error, engine)
        page = report.get_traceback_html()
        trace = traceback.TracebackException(type(error), error, engine, capture_locals=True)
        shown = page + "".join(trace.format())
    assert "DoesNotExist" in shown
    assert settings.OPSWAT_CLIENT_SECRET not in shown
    assert token_store.decrypt(sealed) not in shown


def test_the_broker_carries_no_secret(vendor, settings):
    with tempfile.TemporaryDirectory(prefix="canary-") as folder:
        socket = Path(folder) / "redis.sock"
        with own_redis(socket):
            settings.REDIS_URL = f"unix://{socket}"
            client = redis.Redis(unix_socket_path=str(socket))
            from celery import current_app

            with current_app.connection_for_write(f"redis+socket://{socket}") as broker:
                current_app.send_task(on_commit.DISPATCH, connection=broker, expires=30)
            stored = [client.lrange(key, 0, -1) for key in client.keys("celery")]
            client.close()

    assert stored
    assert settings.OPSWAT_CLIENT_SECRET.encode() not in repr(stored).encode()
    assert b"'args': []" in repr(stored).encode() or b'"argsrepr": "()"' in repr(stored).encode()
