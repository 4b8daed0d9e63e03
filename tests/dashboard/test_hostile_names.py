"""External text is escaped and printable on every page."""

import json
import re

import pytest

from actions.inventory.models import (
    Device,
    DeviceGroup,
    DeviceRefresh,
    DeviceSnapshot,
    InventorySync,
)
from actions.inventory.store import FIELDS, store_records
from actions.ratelimit.models import VendorAccount
from tests.dashboard.conftest import form_token
from tests.dashboard.walk import Parsed
from tests.factories import enrol, make_record, make_request

pytestmark = pytest.mark.django_db

NAMES = {
    "script": "<script>alert(1)</script>",
    "handler": "\"'><img src=x onerror=alert(1)>",
    "template": "{{ settings.SECRET_KEY }}{% debug %}",
    "bidi": "\u202egnp.exe\u202c \u2066isolated\u2069",
    "zero width": "inv\u200bisi\u2060ble\ufeff\u00ad",
    "lines": "two\nlines\r\n\u2028and\x85more\ttabs",
    "controls": "bell\x07 escape\x1b[31m delete\x7f",
    "long": "W" * 255,
}
TEXTS = sorted({*FIELDS} - {"status", "severity", "enrolled_at", "last_seen", "last_reboot"})
HIDES = "\x00-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff"
HIDDEN = re.compile(f"(?![\n\t])[{HIDES}]")
"""Characters that no page may contain, apart from its own newlines and tabs."""

SHOWN_IN_FULL = {"overview", "devices", "device", "compose", "review", "request"}
"""Pages that do not truncate the name."""

LONG_AGO = "2026-01-01T00:00Z"


@pytest.fixture(params=NAMES)
def name(request):
    return NAMES[request.param]


@pytest.fixture
def named(name, operator, vendor, send_due):
    """A request with the name in every external text."""
    enrol(vendor, "kiosk")
    store_records([make_record("kiosk", **dict.fromkeys(TEXTS, name))])
    DeviceGroup.objects.create(vendor_id="g-1", name=name, read_at=LONG_AGO)
    InventorySync.objects.create(
        stage="failed", running=False, detail=name, due_at=LONG_AGO, started_at=LONG_AGO
    )
    fields = {"kind": "assign_to_group", "group_id": "g-1", "reason": f"because {name}"}
    action_request = make_request(operator, "kiosk", ticket=name[:100], **fields)
    send_due()
    action_request.commands.update(
        detail=name, command_id=name, vendor_raw=name[:100], vendor_status=None
    )
    action_request.calls.update(detail=name)
    device = Device.objects.get(vendor_id="kiosk")
    DeviceRefresh.objects.create(device=device, lane=0, requested_at=LONG_AGO, detail=name)
    record = json.dumps({"device_name": name})
    DeviceSnapshot.objects.create(device=device, record=record, read_at=LONG_AGO)
    VendorAccount.objects.update(frozen=True, frozen_reason=name)
    return action_request


@pytest.fixture
def everywhere(named, name, page):
    """Every page that shows the request or its device."""
    device = str(Device.objects.get(vendor_id="kiosk").pk)
    chosen = page.post("/selections/", {"device": device})["Location"]
    form = {"selection": chosen.partition("selection=")[2], "form_token": form_token(page)}
    form |= {"kind": "assign_to_group", "group_id": "g-1", "reason": f"because {name}"}
    compose = "/requests/new/"
    return {
        "overview": page.get("/"),
        "devices": page.get("/devices/"),
        "search": page.get("/devices/", {"q": name, "status": name}),
        "compose": page.get(chosen),
        "errors": page.post(compose, form | {"step": "review", "reason": "", "group_id": name}),
        "odd kind": page.post(compose, form | {"step": "review", "kind": name}),
        "review": page.post(compose, form | {"step": "review"}),
        "device": page.get(f"/devices/{device}/"),
        "device trail": page.get(f"/devices/{device}/", {"tab": "audit"}),
        "device raw": page.get(f"/devices/{device}/", {"tab": "raw"}),
        "inventory": page.get("/inventory/"),
        "requests": page.get("/requests/"),
        "request": page.get(f"/requests/{named.uuid}/"),
        "vendor calls": page.get("/vendor-calls/"),
        "audit": page.get("/audit/"),
        "audit of": page.get("/audit/", {"actor": name}),
    }


def test_a_hostile_name_is_escaped_and_printable_on_every_page(everywhere, name):
    for where, answer in everywhere.items():
        html = answer.content.decode()
        parsed = Parsed(html)
        assert answer.status_code in {200, 422}, where
        assert "<script>alert" not in html, where
        assert not [tag for tag, found in parsed.elements if tag == "img" or "onerror" in found]
        for text in [*parsed.words, *seen_attributes(parsed)]:
            assert not HIDDEN.search(text), f"{where}: {text!r}"
        if where in SHOWN_IN_FULL:
            assert squeezed(visible(name)) in squeezed(parsed.text), where


def visible(name):
    """The name with the code point in place of each invisible character."""
    return re.sub(f"[{HIDES}]", lambda found: f"⟨U+{ord(found[0]):04X}⟩", name)


def squeezed(text):
    return "".join(text.split())


def seen_attributes(parsed):
    for _, found in parsed.elements:
        for attribute in ("title", "aria-label", "placeholder", "alt", "class", "data-copy"):
            yield found.get(attribute, "")
