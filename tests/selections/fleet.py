"""The devices of the cases, and ways to ask the page and the command about a list."""

import io
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import Client

from actions.inventory.store import store_records
from tests.factories import make_record

DATA = Path(__file__).parent / "data"
LISTS = "/devices/lists/"
MACS: dict[str, tuple[str, ...]] = {
    **{f"PC-{number:03}": (f"02:00:5E:00:00:{number:02X}",) for number in range(1, 41)},
    "DOCK-A": ("02:00:5E:AA:AA:AA",),
    "DOCK-B": ("02:00:5E:AA:AA:AA",),
    "H3C-1": ("00:1B:21:CD:0E:0F",),
    "TWO-MACS": ("02:00:5E:00:0B:01", "02:00:5E:00:0B:02"),
}
IDS = {
    "ZERO-ID": "00445566",
    "OTHER-ID": "445566",
    "HEX-ID": "deadbeef00112233445566778899aabb",
    "LAB-0": "de41eab17ec0b936e0f5a0b66c240ac7",
    "LAB-1": "be66ec6c8f3198a3dacdc0da5aa602b9",
    "LAB-2": "d08f51f93114ffb167dbbbc90fba96eb",
}
NAMES = ("MÜLLER-PC", "РАБОТА-ПК", "Bu\u0308ro-Mac", "Büro-iMac", "💻 Ana\u2019s MacBook")


@pytest.fixture
def inventory(db: None) -> None:
    """The inventory of the cases."""
    names = [*MACS, *IDS, *NAMES]
    store_records(
        [
            make_record(IDS.get(name, f"{number:032x}"), name=name, macs=MACS.get(name, ()))
            for number, name in enumerate(names, 0xABC000)
        ]
    )


def pasted(page: Client, text: str) -> Any:
    return page.post(LISTS, {"lines": text}, follow=True)


def uploaded(page: Client, name: str, data: bytes | None = None) -> Any:
    content = (DATA / name).read_bytes() if data is None else data
    return page.post(LISTS, {"file": SimpleUploadedFile(name, content)}, follow=True)


def result(answer: Any) -> list[tuple[str, str]]:
    """Bucket and text of each line on the result page, in the order of the list."""
    assert answer.status_code == 200, answer.context["form"].errors
    lines = [
        (line.number, bucket["name"], line.text)
        for bucket in answer.context["buckets"]
        for line, _ in bucket["lines"]
    ]
    return [(bucket, text) for _, bucket, text in sorted(lines)]


def matched(answer: Any) -> list[str]:
    """The names of the matched devices on the result page, in the order of the list."""
    assert answer.status_code == 200, answer.context["form"].errors
    (bucket,) = [each for each in answer.context["buckets"] if each["name"] == "matched"]
    assert bucket["more"] == 0
    return [device for _, device in bucket["lines"]]


def command(*arguments: str, **options: Any) -> str:
    """Run submit_action as a dry run; return what it prints, or how it refuses."""
    output = io.StringIO()
    try:
        call_command(
            *("submit_action", "dhcprenew", *arguments),
            *("--reason", "because a test says so"),
            **({"dry_run": True, "stdout": output, "stderr": output} | options),  # type: ignore[arg-type]
        )
    except CommandError as refusal:
        return f"refused: {refusal}"
    return output.getvalue()


def from_file(name: str, *arguments: str) -> str:
    return command("--from-file", str(DATA / name), *arguments)
