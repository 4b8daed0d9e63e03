"""A restored backup: the database is older than the world, and nothing is sent again."""

from pathlib import Path
from typing import Any

import pytest
from django.utils.timezone import now

from actions.action_requests import controls, outcomes
from actions.action_requests.models import DeviceCommand
from actions.action_requests.states import CommandStatus as S
from actions.dispatch import claims, dispatcher, epoch, sweeper
from actions.errors import Refused
from actions.ratelimit import accounts
from actions.ratelimit.models import VendorAccount, VendorCall
from actions.trail.models import AuditEvent
from actions.trail.verbs import Verb
from dashboard.standalone.redis_server import own_redis
from tests.factories import know_devices, make_request, statuses
from tests.processes.installation import short_folder

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def file(tmp_path: Path, settings: Any) -> Path:
    settings.EPOCH_FILE = tmp_path / "epoch.json"
    settings.REDIS_URL = f"unix://{tmp_path}/no-redis"
    return tmp_path / "epoch.json"


def forget_calls_after(key: int) -> None:
    """Take the database back to where this was the latest call, as a backup from then does."""
    DeviceCommand.objects.filter(call__gt=key).update(call=None, status=S.QUEUED, settled_at=None)
    for call in VendorCall.objects.filter(pk__gt=key):
        call.action_requests.clear()
        call.delete()


def send(operator: Any, *names: str) -> Any:
    know_devices(*names)
    action_request = make_request(operator, *names, kind="exempt")
    dispatcher.dispatch(5.0, alone=True)
    return action_request


def test_h1_a_backup_from_before_a_call_freezes_sending_and_queues_nothing(operator, scripted):
    action_request = send(operator, "a", "b")
    assert set(statuses(action_request).values()) == {S.ACCEPTED}
    token = VendorCall.objects.order_by("pk").values_list("pk", flat=True)[0]
    last = VendorCall.objects.order_by("-pk").values_list("pk", flat=True)[0]
    forget_calls_after(token)
    assert set(statuses(action_request).values()) == {S.QUEUED}
    carried = scripted.counts["action"]

    assert dispatcher.dispatch(1.0, alone=True) == 0

    account = VendorAccount.objects.get()
    assert account.frozen
    assert f"Vendor call {last} was made, and this database ends at call {token}." in (
        account.frozen_reason
    )
    assert scripted.counts["action"] == carried
    assert set(statuses(action_request).values()) == {S.UNCONFIRMED}
    assert AuditEvent.objects.filter(verb="sending.frozen", actor="engine").count() == 1
    assert dispatcher.dispatch(1.0, alone=True) == 0
    assert AuditEvent.objects.filter(verb="sending.frozen").count() == 1


def test_h1_a_person_lifts_it_and_all_hosts_go_on(operator, scripted, file):
    send(operator, "a")
    elsewhere = file.read_text()  # What another host has noted.
    forget_calls_after(1)
    claims.claim()
    before = VendorAccount.objects.get().epoch

    controls.freeze(operator, frozen=False, reason="I have compared the list")

    account = VendorAccount.objects.get()
    assert not account.frozen
    assert account.epoch != before
    assert before in account.former_epochs
    later = send(operator, "c")
    assert set(statuses(later).values()) == {S.ACCEPTED}
    file.write_text(elsewhere)
    latest = send(operator, "d")
    assert set(statuses(latest).values()) == {S.ACCEPTED}


def put_back(operator: Any, *names: str) -> Any:
    """Return a request that the vendor has done and that the restored database calls queued."""
    action_request = send(operator, *names)
    forget_calls_after(1)
    return action_request


def test_h1_a_backup_from_a_time_when_a_person_had_frozen_sending_is_noticed_too(
    operator, scripted
):
    action_request = put_back(operator, "a", "b")
    VendorAccount.objects.update(frozen=True, frozen_reason="maintenance")

    with pytest.raises(Refused, match="just found to be a restored backup"):
        controls.freeze(operator, frozen=False, reason="maintenance is over")

    account = VendorAccount.objects.get()
    assert account.frozen
    assert account.restored_at
    assert set(statuses(action_request).values()) == {S.UNCONFIRMED}
    assert AuditEvent.objects.filter(verb=Verb.SENDING_RESUME_REFUSED).count() == 1
    carried = scripted.counts["action"]
    controls.freeze(operator, frozen=False, reason="I have compared the list")
    dispatcher.dispatch(1.0, alone=True)
    assert scripted.counts["action"] == carried
    assert VendorAccount.objects.get().restored_at is None


def test_h1_the_dispatcher_notices_it_while_a_person_has_frozen_sending(operator, scripted):
    action_request = put_back(operator, "a")
    VendorAccount.objects.update(frozen=True, frozen_reason="maintenance")

    assert claims.claim() is None

    assert set(statuses(action_request).values()) == {S.UNCONFIRMED}
    assert "restored backup" in VendorAccount.objects.get().frozen_reason


def test_h1_nothing_that_may_have_been_sent_expires_as_not_sent(operator, scripted):
    action_request = put_back(operator, "a")
    DeviceCommand.objects.update(expires_at=now())

    sweeper.sweep()

    assert set(statuses(action_request).values()) == {S.UNCONFIRMED}


def test_h1_any_number_of_commands_is_doubted_in_pieces(operator, scripted, monkeypatch):
    monkeypatch.setattr(outcomes, "DOUBTED_AT_ONCE", 3)
    requests = [put_back(operator, "a", "b", "c", "d"), put_back(operator, "e", "f", "g")]

    claims.claim()

    assert [set(statuses(each).values()) for each in requests] == [{S.UNCONFIRMED}] * 2
    assert not DeviceCommand.objects.exclude(call=None).exists()
    assert AuditEvent.objects.get(verb="sending.frozen").data["in_doubt"] == 7


@pytest.mark.parametrize("frozen", [False, True])
@pytest.mark.parametrize("status", [S.QUEUED, S.HELD, S.SENDING])
@pytest.mark.parametrize("tried_before", [False, True])
def test_h1_whatever_waited_in_the_backup_is_in_doubt(
    operator, scripted, frozen, status, tried_before
):
    action_request = put_back(operator, "a")
    VendorAccount.objects.update(frozen=frozen)
    call = VendorCall.objects.first() if tried_before else None
    DeviceCommand.objects.update(status=status, in_doubt=tried_before, call=call)

    claims.claim()

    [row] = DeviceCommand.objects.filter(request=action_request)
    assert (row.status, row.in_doubt, row.call) == (S.UNCONFIRMED, True, None)


def test_a_database_without_an_epoch_begins_one_and_each_call_is_noted(operator, scripted, file):
    assert not file.exists()

    send(operator, "a")

    account, last = VendorAccount.objects.get(), VendorCall.objects.order_by("-pk").first()
    assert last is not None
    assert account.epoch
    noted = epoch._parse(file.read_text())
    assert noted is not None
    assert (noted.name, noted.call) == (account.epoch, last.pk)
    assert noted.anchor["count"] > 0


def test_h1_a_host_that_knows_nothing_of_the_database_sends_nothing(operator, scripted, file):
    send(operator, "a")
    file.unlink()

    waiting = send(operator, "b")

    assert set(statuses(waiting).values()) == {S.UNCONFIRMED}
    assert "Nothing on this host" in VendorAccount.objects.get().frozen_reason


def test_a_new_host_learns_the_epoch_from_redis(operator, scripted, file, settings):
    with short_folder() as folder, own_redis(folder / "redis" / "redis.sock"):
        settings.REDIS_URL = f"unix://{folder}/redis/redis.sock"
        send(operator, "a")
        file.unlink()

        later = send(operator, "b")

    assert set(statuses(later).values()) == {S.ACCEPTED}
    assert file.exists()


def test_h1_an_empty_database_in_place_of_a_used_one_is_noticed(operator, scripted, file):
    file.write_text('{"name": "another", "call": 812}')

    waiting = send(operator, "a")

    assert set(statuses(waiting).values()) == {S.UNCONFIRMED}
    assert "call 812 was made with the one before" in VendorAccount.objects.get().frozen_reason


@pytest.mark.parametrize("text", ["", "{", "[]", '{"name": "x"}', '{"name": "x", "call": "y"}'])
def test_an_unreadable_note_counts_as_none(operator, scripted, file, text):
    file.write_text(text)
    assert not accounts.lock().epoch

    action_request = send(operator, "a")

    assert set(statuses(action_request).values()) == {S.ACCEPTED}
    assert now() > VendorCall.objects.latest("pk").claimed_at


DAMAGED = [
    b"",
    b"\xff\xfe\x00noise",
    b"[]",
    b"null",
    b'"text"',
    b'{"name": "x", "call": Infinity}',
    b'{"name": "x", "call": "many"}',
    b'{"name": "x", "call": 1, "anchor": "y"}',
    b'{"name": "x", "call": 1, "anchor": [1]}',
    b"[" * 100_000,
]


@pytest.mark.parametrize("content", DAMAGED, ids=[repr(each[:30]) for each in DAMAGED])
def test_h1_a_damaged_note_freezes_sending_with_a_reason(operator, scripted, file, content):
    send(operator, "a")
    file.write_bytes(content)

    assert dispatcher.dispatch(1.0, alone=True) == 0

    account = VendorAccount.objects.get()
    assert account.frozen
    assert "tells which calls this database must know" in account.frozen_reason
