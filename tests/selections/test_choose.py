"""A selection never changes: the devices that are confirmed are the ones that are sent."""

from datetime import timedelta

import pytest
from django.utils.timezone import now

from actions.dispatch import sweeper
from actions.errors import NotAllowed
from actions.inventory.models import Device
from actions.inventory.store import store_records
from actions.selections import choose, uploads
from actions.selections.list_parser import Row
from actions.selections.models import SelectedDevice, Selection, UploadedList
from tests.factories import make_record

pytestmark = pytest.mark.django_db


@pytest.fixture
def fleet():
    store_records([make_record(f"d{number}", name=f"PC {9 - number}") for number in range(5)])


def test_later_changes_of_devices_do_not_change_a_selection(fleet, operator):
    listed = Device.objects.filter(name__startswith="PC").exclude(vendor_id="d2")
    chosen = choose.choose_devices(listed, operator)

    store_records([make_record("d9", name="PC 0"), make_record("d0", name="renamed")])

    assert chosen.device_count == 4
    assert choose.targets_of(chosen) == ["d4", "d3", "d1", "d0"]


def test_targets_keep_their_order_and_may_be_unknown_devices(fleet, operator):
    key = Device.objects.get(vendor_id="d1").pk
    chosen = choose.choose_targets(
        [("02:00:00:00:00:09", None), ("02:00:00:00:00:01", key)], operator, addressing="macs"
    )

    assert choose.targets_of(chosen) == ["02:00:00:00:00:09", "02:00:00:00:00:01"]
    assert list(chosen.chosen.order_by("id").values_list("device", flat=True)) == [None, key]


def test_a_part_is_a_new_selection_and_only_its_owner_can_make_it(fleet, operator, helpdesk):
    whole = choose.choose_devices(Device.objects.all(), operator, query="q=pc")
    some = SelectedDevice.objects.exclude(device__vendor_id="d0")
    part = choose.choose_part(whole, some, operator)

    assert (whole.device_count, part.device_count, part.query) == (5, 4, "q=pc")
    assert choose.targets_of(part) == ["d4", "d3", "d2", "d1"]
    with pytest.raises(NotAllowed):
        choose.choose_part(whole, some, helpdesk)


def test_old_selections_are_deleted_with_their_devices(fleet, operator):
    old = choose.choose_devices(Device.objects.all(), operator)
    young = choose.choose_devices(Device.objects.all(), operator)
    Selection.objects.filter(pk=old.pk).update(made_at=now() - timedelta(days=8))

    assert choose.drop_old() == 1
    assert set(SelectedDevice.objects.values_list("selection", flat=True)) == {young.pk}


def test_the_sweeper_deletes_old_selections_and_old_lists(fleet, operator):
    whole = choose.choose_devices(Device.objects.all(), operator)
    some = SelectedDevice.objects.filter(device__vendor_id="d0")
    part = choose.choose_part(whole, some, operator)
    old = uploads.keep_list([Row(1, ["d0"])], operator)
    kept = uploads.keep_list([Row(1, ["d1"])], operator)
    for model, key in ((Selection, whole.pk), (Selection, part.pk), (UploadedList, old.pk)):
        model.objects.filter(pk=key).update(made_at=now() - timedelta(days=8))

    sweeper.sweep()

    assert not Selection.objects.exists()
    assert not SelectedDevice.objects.exists()
    assert list(UploadedList.objects.all()) == [kept]
