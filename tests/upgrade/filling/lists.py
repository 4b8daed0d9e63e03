"""Selections of devices and uploaded lists."""

from typing import Any

from tests.upgrade.filling.devices import device_mac
from tests.upgrade.filling.old_code import models, picking, picks, selections
from tests.upgrade.filling.people import Users

MOST = 10_000


def make_lists(users: Users, names: list[str]) -> None:
    """Choose devices in every way, and upload two lists."""
    origin = models.Selection.Origin
    listed = models.Device.objects.filter(gone_at=None)
    few = listed.filter(vendor_id__in=names[:MOST])
    whole = selections.choose_devices(few, users.operator, question="status=compliant&q=pc")
    half = models.SelectedDevice.objects.filter(pk__in=_every_second(whole))
    selections.choose_part(whole, half, users.operator)
    one = listed.filter(vendor_id=names[0])
    selections.choose_devices(one, users.helpdesk, origin=origin.DEVICE)
    known = dict(listed.filter(vendor_id__in=names[:3]).values_list("vendor_id", "pk"))
    targets = [(device_mac(place), known[name]) for place, name in enumerate(names[:3])]
    macs = [*targets, ("02:00:5E:FF:FF:FF", None)]
    selections.choose_targets(macs, users.operator, addressing="macs")
    for name, text in (("", "\n".join(names[:50])), ("Liste “ä”.csv", "id\tname\nd1000000\tPC")):
        picks.keep_list(picking.read_lines(text), users.operator, name=name)


def _every_second(selection: Any) -> list[int]:
    return list(selection.chosen.order_by("id").values_list("pk", flat=True))[::2]
