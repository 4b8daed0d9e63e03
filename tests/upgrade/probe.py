"""`python -m tests.upgrade.probe JSON`: use the upgraded installation through its pages.

It runs with today's code and the installation's settings. The JSON names what the first version
left; it is the output of tests/upgrade/filling.
"""

import json
import sys
from typing import Any

import django


def main(arguments: list[str]) -> int:
    """Raise AssertionError for what is not found."""
    django.setup()
    from django.apps import apps
    from django.contrib.auth import get_user_model
    from django.test import Client

    found = json.loads(arguments[0])
    client = Client(headers={"host": "localhost"})
    client.force_login(get_user_model().objects.get(username=found["person"]))
    find_old_rows(client, found)
    find_new_device(client, apps.get_model("actions", "Device"))
    open_pages(client)
    return 0


def find_old_rows(client: Any, found: dict[str, Any]) -> None:
    """Search for a device and a line of the trail, and open a request and a log."""
    device = found["device"]
    for text in (device["name"].lower()[1:], device["mac"], device["vendor_id"]):
        assert device["name"] in page(client, "/devices/", q=text), text
    assert found["ticket"] in page(client, "/audit/", q=found["ticket"].lower())
    assert found["ticket"] in page(client, f"/requests/{found['request']}/")
    assert "INFO start" in page(client, f"/logs/{found['log']}/")


def find_new_device(client: Any, device_model: Any) -> None:
    """Follow a device through the search index: stored, renamed, deleted."""
    from django.utils.timezone import now

    device = device_model.objects.create(
        vendor_id="upgrade-1",
        name="Quokka-17",
        status="compliant",
        search_text="quokka-17\nupgrade-1",
        read_at=now(),
    )
    assert "Quokka-17" in page(client, "/devices/", q="uokka-1")
    device.name, device.search_text = "Wombat-18", "wombat-18\nupgrade-1"
    device.save()
    assert "Wombat-18" not in page(client, "/devices/", q="uokka-1")
    assert "Wombat-18" in page(client, "/devices/", q="ombat-1")
    device.delete()
    assert "Wombat-18" not in page(client, "/devices/", q="ombat-1")


def open_pages(client: Any) -> None:
    """Open every page that needs no argument; one that fails raises its own exception."""
    from django.urls import URLPattern, get_resolver

    for pattern in get_resolver().url_patterns:
        if isinstance(pattern, URLPattern) and not pattern.pattern.converters:
            response = client.get(f"/{pattern.pattern}")
            assert response.status_code < 500, f"{pattern.pattern}: {response.status_code}"


def page(client: Any, path: str, **query: str) -> str:
    """Return the text of a page that must be there."""
    response = client.get(path, query)
    assert response.status_code == 200, f"{path}: {response.status_code}"
    parts = response if response.streaming else [response.content]
    return b"".join(parts).decode()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
