"""Commands act as the user of the operating system, whatever the environment says."""

import csv
import io
import os
import pwd
import socket
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client

from actions.action_requests.models import ActionRequest
from actions.audit import jobs
from actions.audit import selectors as audit
from actions.audit.query import AuditQuery
from actions.audit.verify import verify
from actions.management.base import shell_actor
from actions.trail.models import AuditEvent
from dashboard.models import User
from tests.factories import know_devices, make_person

pytestmark = pytest.mark.django_db

ROOT = Path(__file__).resolve().parents[2]
ME = pwd.getpwuid(os.getuid()).pw_name
FORGED = {"LOGNAME": "ceo", "USER": "ceo", "LNAME": "ceo", "USERNAME": "ceo", "SUDO_USER": "ceo"}
COMMANDS: dict[str, list[str]] = {
    "request.submitted": ["submit_action", "unexempt", "--ids", "kiosk", "--reason", "test"],
    "inventory.sync_started": ["sync_devices", "--wait", "0"],
    "audit.accepted": ["audit_accept", "--reason", "test"],
}


@pytest.fixture(autouse=True)
def forged(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in FORGED.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("SUDO_UID", raising=False)


@pytest.mark.parametrize("verb", COMMANDS)
def test_m1_a_command_is_signed_by_the_user_of_the_operating_system(vendor, operator, verb):
    know_devices("kiosk")
    try:
        call_command(*COMMANDS[verb])
    except Exception as error:  # noqa: BLE001  # The read goes on after the wait.
        assert "continues" in str(error)
    line = AuditEvent.objects.get(verb=verb)
    assert (line.actor, line.on_behalf_of, line.source) == (ME, "", "command")
    assert line.host == socket.gethostname()
    assert line.terminal


def test_m1_add_person_is_signed_by_the_user_of_the_operating_system(db, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("correct horse battery\n"))
    call_command("add_person", "mallory", "--role", "operator", "--password-stdin")
    line = AuditEvent.objects.get(verb="person.added")
    assert (line.actor, line.subject, line.host) == (ME, "mallory", socket.gethostname())


@pytest.fixture
def on_behalf(db: None) -> AuditEvent:
    know_devices("kiosk")
    make_person("hanna", "helpdesk")
    arguments = ["unexempt", "--ids", "kiosk", "--reason", "test", "--as", "hanna"]
    call_command("submit_action", *arguments)
    return AuditEvent.objects.get(verb="request.submitted")


def test_m1_as_stands_beside_the_user_of_the_operating_system(on_behalf):
    assert (on_behalf.actor, on_behalf.on_behalf_of) == (ME, "hanna")
    assert (on_behalf.role, on_behalf.user_id) == ("helpdesk", User.objects.get().pk)
    request = ActionRequest.objects.get()
    assert request.actor == f"{ME} (on behalf of hanna)"
    assert request.user_id == on_behalf.user_id
    assert verify().findings == []


def test_m1_the_role_of_the_person_limits_a_command_in_her_name(db):
    know_devices(*(f"d{number}" for number in range(12)))
    make_person("hanna", "helpdesk")
    ids = ",".join(f"d{number}" for number in range(12))
    with pytest.raises(Exception, match="at most 10"):
        call_command("submit_action", "unexempt", "--ids", ids, "--reason", "x", "--as", "hanna")
    line = AuditEvent.objects.get(verb="request.refused")
    assert (line.actor, line.on_behalf_of) == (ME, "hanna")


@pytest.mark.parametrize("field", ["person", "q"])
def test_a_query_for_either_name_finds_the_line(on_behalf, field):
    for name in (ME, "hanna"):
        found = audit.listed(AuditQuery(**{field: name}))
        assert on_behalf.pk in [event.pk for event in found], name
    assert audit.listed(AuditQuery(person="nobody-else")) == []


def test_the_pages_and_the_export_show_both_names_host_and_terminal(on_behalf, auditor, settings):
    client = Client()
    client.force_login(User.objects.get(username=auditor.name))
    for url in ("/audit/", f"/audit/{on_behalf.pk}/"):
        text = client.get(url).content.decode()
        assert "(on behalf of <bdi>hanna</bdi>)" in text
    assert socket.gethostname() in text
    assert f"{ME} (on behalf of hanna)" in client.get("/requests/").content.decode()

    job = jobs.ask_export(auditor, AuditQuery(verb="request.submitted"), "csv")
    jobs.work()
    job.refresh_from_db()
    with zipfile.ZipFile(settings.AUDIT_EXPORT_DIR / job.file) as box:
        [row] = csv.DictReader(io.StringIO(box.read("audit.csv").decode("utf-8-sig")))
    assert (row["actor"], row["on_behalf_of"]) == (ME, "hanna")
    assert (row["host"], row["terminal"]) == (on_behalf.host, on_behalf.terminal)


def as_user(uid: int, **environment: str) -> str:
    """The actor of a command that a process with this user id starts."""
    code = (
        "import os, sys; sys.path.insert(0, sys.argv[1]); from actions.management import base; "
        "os.setuid(int(sys.argv[2])); actor = base.shell_actor(); "
        "print(actor.name, actor.terminal, sep='|')"
    )
    env = {"PATH": os.environ["PATH"], **FORGED, **environment}
    command = [sys.executable, "-c", code, str(ROOT), str(uid)]
    done = subprocess.run(
        command, env=env, capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL
    )
    return done.stdout.strip()


def test_m1_only_root_may_say_who_uses_sudo():
    nobody = pwd.getpwnam("nobody")
    mine = os.getuid()
    expected = f"{nobody.pw_name}|no terminal by sudo" if mine == 0 else f"{ME}|no terminal"
    assert as_user(mine, SUDO_UID=str(nobody.pw_uid)) == expected
    if mine == 0:
        assert as_user(nobody.pw_uid, SUDO_UID="0") == f"{nobody.pw_name}|no terminal"
        assert as_user(54321, SUDO_UID="0") == "uid 54321|no terminal"
        assert as_user(0, SUDO_UID="54321") == "uid 54321|no terminal by sudo"


@pytest.mark.parametrize("value", ["", "x", "-1", "9" * 40])
def test_an_odd_sudo_uid_names_nobody_else(monkeypatch, value):
    monkeypatch.setenv("SUDO_UID", value)
    name: Any = shell_actor().name
    assert name in {ME, f"uid {value}"}
