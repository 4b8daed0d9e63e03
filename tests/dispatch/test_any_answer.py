"""Recording an answer never raises, whatever the vendor answers and whatever happened meanwhile."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils.timezone import now
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from actions.action_requests.models import ActionRequest, DeviceCommand
from actions.action_requests.states import CommandStatus as S
from actions.actor import Actor
from actions.agent_logs.models import AgentLog
from actions.dispatch import claims, dispatcher, sweeper, token_store
from actions.inventory.models import Device, InventorySync
from actions.inventory.refresh import request_refresh
from actions.opswat.client import Token
from actions.ratelimit import accounts
from actions.ratelimit.models import VendorAccount, VendorCall
from actions.ratelimit.states import CallState
from tests.factories import accept_fetches, know_devices, make_request
from tests.opswat.strategies import TEXTS
from tests.scripted import ScriptedVendor

pytestmark = pytest.mark.django_db

KINDS = ("exempt", "unexempt", "delete", "fetch_agent_log")
NAMES = ("d1", "d2", "d3")

ODD_NUMBERS = st.sampled_from(
    [*(0, -1, 1, 2**15, 2**31 - 1, 2**31, 2**63, 10**400, -(10**30)), 1e308, -0.5]
) | st.sampled_from([float("nan"), float("inf"), float("-inf")])
ODD_TEXTS = TEXTS | st.sampled_from(
    [
        *("d1", "d2", "\x00", "a\x00b", "\ud800", "\ufffd", "x" * 70_000, "\u0130" * 255, "N/A"),
        *("0001-01-01", "9999-12-31T23:59:59-23:00", "99999999999999", "fe80::1%" + "z" * 250),
        *("AA:BB:CC:DD:EE:01", "1" * 4000, "NaN"),
    ]
)
VALUES = st.recursive(
    st.none() | st.booleans() | ODD_NUMBERS | ODD_TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ODD_TEXTS, inner, max_size=3),
    max_leaves=5,
)


def objects(*names: str, **known: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Return objects with some of these keys and any values."""
    return st.fixed_dictionaries({}, optional=dict.fromkeys(names, VALUES) | known)


IDS = st.sampled_from(["d1", "d2", "d3", "D1", "new", "\u0130" * 255]) | VALUES
DEVICES = st.lists(
    objects(
        *("device_name", "host_name", "nickname", "status", "severity", "device_type"),
        *("agent_type", "agent_version", "group_name", "public_ip", "enrolled_at", "last_seen"),
        *("last_reboot", "os_info", "user_info", "issue"),
        device_id=IDS,
        network_info=st.lists(objects("mac", "ipv4"), max_size=3) | VALUES,
    )
    | VALUES,
    max_size=4,
)
SHAPES: dict[str, st.SearchStrategy[Any]] = {
    "token": objects("expires_in", access_token=st.just("a-token") | VALUES),
    "action": st.lists(
        objects("command_id", status=st.sampled_from([1, 0, -1]) | VALUES, id=IDS) | VALUES,
        max_size=5,
    ),
    "devices": objects(devices=DEVICES | VALUES, next_token=st.just("n") | VALUES),
    "changes": objects(monitored_devices=DEVICES | VALUES, deleted_devices=st.lists(IDS) | VALUES),
    "groups": st.lists(objects("group_id", "group_name", "number_of_devices"), max_size=4),
    "detail": DEVICES,
    "read back": DEVICES,
    "reports": objects("status", "message", "error"),
}
DEEP = b'{"devices": [{"device_id": "d1", "os_info": ' + b"[" * 900 + b"]" * 900 + b"}]}"
RAW = st.binary(max_size=40) | st.sampled_from(
    [b"", b"[" * 5_000, DEEP, DEEP[12:-1], b'{"a": 1', b"<html>no</html>", b"PK\x03\x04 not a zip"]
)
CODES = st.sampled_from([200] * 6 + [204, 302, 400, 401, 403, 404, 409, 413, 425, 429, 500, 599])
HEADERS = st.sampled_from(["", "0", "-1", "1e9", "9" * 15, "9" * 400, "NaN", "1.5", "1700000000"])
MEANWHILE = st.sampled_from(["", "given up", "cancelled", "paused", "in doubt", "stopped", "gone"])


def prepare(api: str, kind: str, operator: Actor) -> None:
    """Make one piece of work due whose call is of this API."""
    know_devices(*NAMES)
    if api != "token":
        token_store.store(accounts.lock(), Token("a-token", 3600.0), now())
    if api in ("token", "action"):
        make_request(operator, *NAMES, kind=kind)
    elif api == "detail":
        request_refresh(Device.objects.all())
    elif api == "read back":
        make_request(operator, *NAMES, kind="delete" if kind == "delete" else "unexempt")
        rows = DeviceCommand.objects.all()
        rows.move(S.QUEUED, S.SENDING)
        rows.move(S.SENDING, S.ACCEPTED if kind == "exempt" else S.UNCONFIRMED)
        rows.update(check_at=now() - timedelta(seconds=1))
    elif api == "reports":
        accept_fetches(make_request(operator, "d1", kind="fetch_agent_log"))
        AgentLog.objects.update(due_at=now() - timedelta(seconds=1))
    else:
        stage = InventorySync.Stage(api)
        kinds = InventorySync.Kind
        InventorySync.objects.create(
            kind=kinds.CHANGES if api == "changes" else kinds.FULL,
            stage=stage,
            since=now() - timedelta(minutes=5),
            started_at=now(),
            due_at=now() - timedelta(seconds=1),
            actor="oscar",
        )


def meanwhile(what: str, call: VendorCall) -> None:
    """Let something happen while the call is on its way."""
    commands = DeviceCommand.objects.filter(call=call)
    if what == "given up":
        VendorCall.objects.update(lease_until=now() - timedelta(seconds=1))
        sweeper.sweep()
    elif what == "cancelled":
        commands.update(cancel_asked=True)
    elif what == "paused":
        ActionRequest.objects.update(paused=True)
    elif what == "in doubt":
        commands.update(in_doubt=True)
    elif what == "stopped":
        InventorySync.objects.update(running=False)
    elif what == "gone":
        Device.objects.update(gone_at=now())


@pytest.fixture
def answer_any(operator: Actor, scripted: ScriptedVendor, settings: Any) -> Callable[..., None]:
    """A function that makes one call, gives it an answer, and checks what was recorded."""
    settings.OPSWAT_RATE_LIMIT = (1000, 60.0)

    def run(api: str, kind: str, what: str, reply: tuple[int, bytes, tuple[str, ...]]) -> None:
        prepare(api, kind, operator)
        taken = claims.claim()
        assert isinstance(taken, claims.Claim)
        scripted.answers[{"read back": "detail"}.get(api, api)] = lambda asked: reply
        meanwhile(what, taken.call)

        dispatcher.send(taken)

        call = VendorCall.objects.get(pk=taken.call.pk)
        assert call.state != CallState.SENDING
        assert "recorded" not in call.detail
        assert "error of this console" not in call.detail
        assert not DeviceCommand.objects.filter(status=S.SENDING).exists()
        account = VendorAccount.objects.get()
        soon = now() + timedelta(minutes=3)
        assert account.open_until is None or account.open_until < soon
        assert account.token_expires_at is None or account.token_expires_at < soon + timedelta(1)
        running = InventorySync.objects.filter(running=True)
        assert not running.filter(due_at__gt=now() + timedelta(minutes=10)).exists()
        assert all(isinstance(claims.claim(), claims.Claim | claims.Wait | None) for _ in range(2))

    return run


@pytest.mark.parametrize("api", SHAPES)
@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_any_answer_in_any_state_is_recorded(
    api: str, data: st.DataObject, answer_any: Any
) -> None:
    body = data.draw(SHAPES[api] | VALUES, label="body")
    raw = data.draw(st.just(json.dumps(body).encode()) | RAW, label="raw")
    header = data.draw(HEADERS, label="header")
    lines = tuple(f"X-RateLimit-{name}: {header}" for name in ("Limit", "Remaining", "Reset-Time"))
    reply = (data.draw(CODES, label="code"), raw, lines)
    kind = data.draw(st.sampled_from(KINDS), label="kind")
    savepoint = transaction.savepoint()
    try:
        answer_any(api, kind, data.draw(MEANWHILE, label="meanwhile"), reply)
    finally:
        transaction.savepoint_rollback(savepoint)
