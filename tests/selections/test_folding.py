"""Two spellings of one name are one name: for lists, the search and the audit trail."""

from importlib import import_module
from types import SimpleNamespace
from typing import Any

import pytest
from django.apps import apps
from django.db import connection
from hypothesis import given, settings
from hypothesis import strategies as st

from actions.agent_logs.selectors import listed
from actions.audit.selectors import device_keys
from actions.devices.filters import filter_devices
from actions.devices.query import DeviceQuery
from actions.folding import fold
from actions.inventory.models import Device, DeviceAlias
from actions.inventory.store import store_records
from actions.selections.list_matching import match_lines
from tests.factories import accept_fetches, know_devices, make_record, make_request

pytestmark = pytest.mark.django_db

SPELLINGS = {
    "MÜLLER-PC": ("müller-pc", "MU\u0308LLER-PC", "Mu\u0308ller\u2010PC", "müller\u2013pc"),
    "РАБОТА-ПК": ("работа-пк", "Работа\u2011ПК"),
    "Bu\u0308ro-Mac": ("Büro-Mac", "BÜRO-MAC"),
    "💻 Ana\u2019s MacBook": (
        "💻 Ana's MacBook",
        "💻 ANA`S  MACBOOK",
        "💻\ufe0f Ana\u02bcs MacBook",
    ),
    "Straße 7": ("STRASSE 7", "strasse\u00a07", "\u200eStra\u00dfe 7"),
    "ΛΟΓΟΣ": ("λόγος".replace("ό", "ο"), "λογοσ"),
    "ＰＣ－１": ("pc-1", "PC\u22121"),
    "Zoë\u2066\u2069": ("zoe\u0308", "ZOË"),
    "\u201cLab\u201d": ('"lab"',),
}


def search(text: str) -> list[str]:
    return [device.name for device in filter_devices(DeviceQuery({"q": (text,)}))]


@pytest.mark.parametrize("name", SPELLINGS)
def test_case_09_and_20_every_spelling_finds_the_device_in_lists_search_and_trail(name):
    store_records([make_record("id-1", name=name), make_record("id-2", name="another")])
    for text in (name, *SPELLINGS[name]):
        (line,) = match_lines([(1, text)])
        assert line.bucket == "matched", text
        assert search(text) == [name], text
        assert device_keys(text) == ["id-1"], text


def test_case_20_the_list_of_agent_logs_finds_a_device_in_every_spelling(operator):
    (device,) = know_devices("id-1", name="💻 Ana\u2019s MÜLLER", macs=("00:1B:21:CD:0E:0F",))
    (log,) = accept_fetches(make_request(operator, "id-1", kind="fetch_agent_log"))
    for text in ("ana's", "müller", "ANA`S MÜLLER", "001b-21cd-0e0f", device.vendor_id):
        assert listed(device=text, size=10) == [log], text
    assert listed(device="bob's", size=10) == []


@settings(deadline=None)
@given(st.text())
def test_a_folded_text_is_folded(text):
    once = fold(text)
    assert fold(once) == once
    assert fold(text.upper()) == fold(text.upper().lower())
    assert fold(f" {text}\u200b ") == once


@settings(deadline=None)
@given(st.text(alphabet=st.characters(codec="utf-8", exclude_categories=["C"]), min_size=1))
def test_any_name_finds_its_device(text):
    name = " ".join(text.split())[:255]
    if not fold(name):
        return
    store_records([make_record("id-1", name=name)])
    assert [line.bucket for line in match_lines([(1, name)])] == ["matched"]
    assert search(name[:200]) == [name]


@pytest.mark.parametrize("field", ["name_key", "host_name_key", "nickname_key"])
def test_names_are_looked_up_in_an_index(field):
    plan = Device.objects.filter(**{f"{field}__in": ["a", "b"]}).explain()
    indexes = {"name_key": "device_named", "host_name_key": "device_host_named"}
    if connection.vendor == "sqlite":
        assert indexes.get(field, "device_nicknamed") in plan
    else:
        with connection.cursor() as cursor:
            has = connection.introspection.get_constraints(cursor, Device._meta.db_table)
        assert any(each["columns"] == [field] and each["index"] for each in has.values())


def test_the_migration_folds_what_older_versions_stored():
    store_records(
        [make_record(f"id-{number}", name=f"Müller’s {number}") for number in range(7)]
        + [make_record("plain", name="PC-1")]
    )
    wanted = list(Device.objects.order_by("pk").values_list("name_key", "search_text"))
    Device.objects.update(name_key="", host_name_key="", nickname_key="")
    for device in Device.objects.all():
        old = "\n".join([device.name, device.vendor_id]).lower()
        Device.objects.filter(pk=device.pk).update(search_text=old)
    DeviceAlias.objects.filter(text__startswith="m").delete()
    DeviceAlias.objects.create(device_key="id-1", text="müller’s 1")
    DeviceAlias.objects.create(device_key="id-2", text="müller’s 2")
    DeviceAlias.objects.create(device_key="id-2", text="müller's 2")

    migration: Any = import_module("actions.migrations.0020_folded_names")
    batch, migration.BATCH = migration.BATCH, 3
    try:
        migration.fold_devices(apps, SimpleNamespace(connection=connection))
        migration.fold_aliases(apps, SimpleNamespace(connection=connection))
    finally:
        migration.BATCH = batch

    assert list(Device.objects.order_by("pk").values_list("name_key", "search_text")) == wanted
    assert search("müller's 3") == ["Müller’s 3"]
    assert [line.bucket for line in match_lines([(1, "MÜLLER'S 4")])] == ["matched"]
    texts = DeviceAlias.objects.filter(text__startswith="m").order_by("device_key")
    assert list(texts.values_list("device_key", "text")) == [
        ("id-1", "müller's 1"),
        ("id-2", "müller's 2"),
    ]
