"""Odd pages of the vendor: a read has an end, takes what it can, and tells what it could not."""

import json
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse
from django.utils.timezone import now

from actions.dispatch import dispatcher
from actions.errors import NotAllowed
from actions.inventory.models import Device, DeviceGroup, InventorySync, SyncCursor
from actions.inventory.store import store_group_rows
from actions.inventory.sync import start_sync, stop_syncs
from actions.opswat.payloads import GroupRecord
from actions.trail.models import AuditEvent
from tests.factories import know_devices
from tests.scripted import blocked, pages, rows, say

pytestmark = pytest.mark.django_db


@pytest.fixture
def read(operator, scripted, settings):
    """A function that makes a full read of the scripted vendor and returns it."""
    settings.OPSWAT_RATE_LIMIT = (1000, 1.0)

    def whole() -> InventorySync:
        sync, _ = start_sync(operator)
        for _ in range(10):
            dispatcher.dispatch(20.0, alone=True)
            sync.refresh_from_db()
            if not sync.running:
                break
            InventorySync.objects.update(due_at=now() - timedelta(seconds=1))
        return sync

    return whole


def listed() -> set[str]:
    return set(Device.objects.filter(gone_at=None).values_list("vendor_id", flat=True))


def shown(client) -> str:
    return str(client.get(reverse("inventory")).content.decode())


# Pages without an end.


def page(token: str | None, *names: str) -> dict[str, object]:
    return {"next_token": token, "devices": rows(*names)}


@pytest.mark.parametrize(
    "script",
    [
        {"": page("A", "1"), "A": page("B", "2"), "B": page("A", "3")},
        {"": page("A", "1"), "A": page("B", "2"), "B": page("C", "3"), "C": page("A", "4")},
        {"": page("A", "1"), "A": page("B"), "B": page("A")},
    ],
)
def test_case_32_pages_in_a_circle_end_the_read_as_failed(read, scripted, signed_in, script):
    know_devices("other")
    scripted.answers["devices"] = pages(script)

    sync = read()

    assert (sync.stage, sync.running) == ("failed", False)
    assert "circles" in sync.detail
    assert scripted.counts["devices"] == len(script)
    assert "other" in listed()
    assert "circles" in shown(signed_in)
    assert not SyncCursor.objects.exists()


@pytest.mark.parametrize("names", [("1", "2", "3"), ()])
def test_case_32_new_tokens_without_end_end_the_read(read, scripted, names):
    know_devices("other")
    count = iter(range(10_000))
    scripted.answers["devices"] = lambda asked: (200, page(f"t{next(count)}", *names), ())

    sync = read()

    assert not sync.running
    assert scripted.counts["devices"] < 60
    assert "other" in listed()


def test_case_32_unreadable_rows_without_end_end_the_read(read, scripted):
    count = iter(range(10_000))
    odd = [{"device_id": ""}] * 50
    scripted.answers["devices"] = lambda asked: (
        200,
        {"next_token": f"t{next(count)}", "devices": odd},
        (),
    )

    sync = read()

    assert sync.stage == "failed"
    assert scripted.counts["devices"] < 10


def test_case_32_groups_that_repeat_themselves_end_their_part(read, scripted, signed_in):
    groups = [{"group_id": f"g{number}", "group_name": "G"} for number in range(50)]
    scripted.answers["groups"] = say(200, groups)
    scripted.answers["devices"] = pages({"": page("", "a")})

    sync = read()

    assert (sync.stage, sync.groups_read) == ("done", 50)
    assert scripted.counts["groups"] == 2
    assert "repeat" in shown(signed_in)


# Pages without devices.


def test_case_33_an_empty_page_in_the_middle_is_not_the_end(read, scripted):
    first, last = [f"a{number}" for number in range(40)], [f"b{number}" for number in range(29)]
    know_devices(*first, *last)
    scripted.answers["devices"] = pages(
        {"": page("A", *first), "A": page("B"), "B": page("", *last)}
    )

    sync = read()

    assert (sync.stage, sync.devices_read, sync.removed_count) == ("done", 69, 0)
    assert listed() == {*first, *last}


def test_case_33_a_list_that_ends_too_early_once_takes_nothing_away(read, scripted):
    know_devices("a", "b", "c")
    scripted.answers["devices"] = pages({"": page("", "a", "b")})
    sync = read()
    assert listed() == {"a", "b", "c"}
    assert "1 known device was not found" in sync.detail

    scripted.answers["devices"] = pages({"": page("", "a", "b", "c")})
    read()
    scripted.answers["devices"] = pages({"": page("", "a", "c")})
    read()
    assert listed() == {"a", "b", "c"}

    sync = read()
    assert listed() == {"a", "c"}
    assert sync.removed_count == 1


def test_case_33_an_empty_list_takes_nothing_away_however_often(read, scripted):
    know_devices("a", "b")
    scripted.answers["devices"] = say(200, {"devices": None, "next_token": None})

    for _ in range(3):
        assert read().stage == "done"

    assert listed() == {"a", "b"}


# A person stops a read.


def test_case_32_a_person_who_may_stops_a_running_read(operator, scripted, signed_in):
    sync, _ = start_sync(operator)
    assert f"?stop={sync.pk}#read-stop" in shown(signed_in)

    signed_in.post(reverse("stop_inventory_read", args=[sync.pk]))
    dispatcher.dispatch(5.0, alone=True)

    sync.refresh_from_db()
    assert (sync.stage, sync.running) == ("stopped", False)
    line = AuditEvent.objects.get(verb="inventory.sync_stopped")
    assert (line.actor, line.subject) == (operator.name, str(sync.pk))
    assert scripted.counts["groups"] == 0
    assert "Stopped by oscar" in shown(signed_in)
    assert stop_syncs(operator, sync.pk) == 0


def test_case_32_nobody_else_stops_a_read(operator, helpdesk, viewer):
    sync, _ = start_sync(operator)
    for actor in (helpdesk, viewer):
        with pytest.raises(NotAllowed):
            stop_syncs(actor, sync.pk)

    sync.refresh_from_db()
    assert sync.running
    assert AuditEvent.objects.filter(verb="inventory.sync_stop_refused").count() == 2


def test_case_32_the_command_stops_the_running_reads(operator, scripted):
    start_sync(operator)
    out = StringIO()

    call_command("sync_devices", "--stop", "--json", stdout=out)

    assert json.loads(out.getvalue()) == {"stopped": 1}
    assert not InventorySync.objects.filter(running=True).exists()


# The groups are optional.


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (say(403, {"error": "You do not have permission to read groups"}), "permission to read"),
        (say(404, {"error": "no such API here"}), "no such API here"),
        (say(500, {"error": "the group service is down"}), "group service is down"),
        (say(200, {"error": "no groups for you"}), "no groups for you"),
        (blocked(403), "HTTP 403"),
    ],
)
def test_case_34_devices_are_read_although_groups_are_refused(
    read, scripted, signed_in, answer, words
):
    store_group_rows([GroupRecord("g1", "Kiosks", 1)], now())
    scripted.answers["groups"] = answer
    scripted.answers["devices"] = pages({"": page("", "a")})

    sync = read()

    assert (sync.stage, sync.devices_read) == ("done", 1)
    assert "groups could not be read" in sync.notice
    assert words in sync.notice
    assert words in shown(signed_in)
    assert DeviceGroup.objects.filter(vendor_id="g1").exists()


@pytest.mark.parametrize(
    "answer",
    [
        say(200, b"null"),
        say(200, b"{}"),
        say(200, {"groups": None}),
        say(200, {"groups": []}),
        say(200, []),
        say(204, b""),
    ],
)
def test_case_34_no_groups_are_an_empty_list_and_remove_none(read, scripted, answer):
    store_group_rows([GroupRecord("g1", "Kiosks", 1)], now())
    scripted.answers["groups"] = answer
    scripted.answers["devices"] = pages({"": page("", "a")})

    sync = read()

    assert (sync.stage, sync.devices_read) == ("done", 1)
    assert scripted.counts["groups"] == 1
    assert DeviceGroup.objects.count() == 1
    assert "listed no groups" in sync.notice


# One bad value.

LATIN1 = (
    b'{"next_token":"","devices":[{"device_id":"a1","device_name":"PC-1"},'
    b'{"device_id":"a2","device_name":"M\xdcLLER-3"}]}'
)
TAB = LATIN1.replace(b"M\xdcLLER-3", b"PC\t3")
NUL = LATIN1.replace(b"M\xdcLLER-3", b"PC\x003")


@pytest.mark.parametrize(("body", "name"), [(LATIN1, "M\ufffdLLER-3"), (TAB, "PC 3"), (NUL, "PC3")])
def test_case_35_one_bad_byte_leaves_all_devices_readable(read, scripted, body, name):
    scripted.answers["devices"] = say(200, body)

    sync = read()

    assert (sync.stage, sync.devices_read) == ("done", 2)
    assert scripted.counts["devices"] == 1
    assert dict(Device.objects.values_list("vendor_id", "name")) == {"a1": "PC-1", "a2": name}


def test_case_35_an_id_with_a_bad_byte_is_not_used_and_is_counted(read, scripted, signed_in):
    scripted.answers["devices"] = say(200, LATIN1.replace(b'"a2"', b'"a\xdc"'))
    know_devices("old")

    read()
    sync = read()

    assert (sync.devices_read, sync.dropped) == (1, 1)
    assert listed() == {"a1", "old"}
    assert "1 row could not be read" in str(
        signed_in.get(
            reverse("inventory"), headers={"HX-Request": "true", "HX-Target": "inventory-sync"}
        ).content.decode()
    )


def test_the_command_tells_what_could_not_be_read(scripted, settings):
    settings.OPSWAT_RATE_LIMIT = (1000, 1.0)
    scripted.answers["groups"] = say(403, {"error": "not your groups"})
    scripted.answers["devices"] = say(200, {"devices": [{}, *rows("a")], "next_token": ""})
    out = StringIO()

    call_command("sync_devices", stdout=out)

    assert "1 rows could not be read" in out.getvalue()
    assert "not your groups" in out.getvalue()


def test_the_command_fails_where_the_read_fails(scripted, settings):
    settings.OPSWAT_RATE_LIMIT = (1000, 1.0)
    scripted.answers["devices"] = say(403, {"error": "not your devices"})

    with pytest.raises(CommandError, match="not your devices"):
        call_command("sync_devices", stdout=StringIO())
