"""Keys of the trail: a file of their own, one key for all hosts, and a lost key is one finding."""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction

from actions.checks import check_audit_key
from actions.errors import UnknownKeyError
from actions.trail import key_marks, trail
from actions.trail.keys import derived_key, new_key_file, read_key_file, read_keys
from actions.trail.models import AuditEvent, AuditMark
from actions.trail.verbs import Verb
from tests.trail.tampering import found

pytestmark = pytest.mark.django_db

ROOT = Path(__file__).resolve().parents[2]
FIRST, SECOND = {"first": b"1" * 32}, {"second": b"2" * 32}


@pytest.fixture(autouse=True)
def nothing_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test stands for a process that has not signed yet."""
    monkeypatch.setattr(key_marks, "_checked", set())


def write(operator: Any) -> AuditEvent:
    return trail.record(operator, Verb.DEVICES_EXPORTED, subject_kind="test", subject="x")


def started(folder: Path, **environment: str) -> dict[str, Any]:
    """The keys of a process that starts with this data folder, in hexadecimal digits."""
    code = (
        "import json; from dashboard import settings; "
        "print(json.dumps({name: key.hex() for name, key in settings.AUDIT_KEYS.items()}))"
    )
    env = {"PATH": os.environ["PATH"], "READ_DOT_ENV": "0", "DATA_DIR": str(folder), **environment}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, text=True, check=True
    )
    return dict(json.loads(done.stdout))


def test_m7_a_new_installation_has_a_key_of_its_own_in_a_private_file(tmp_path):
    keys = started(tmp_path)

    [name] = keys
    assert name.startswith("key-")
    file = tmp_path / "audit_keys"
    assert file.stat().st_mode & 0o777 == 0o600
    assert keys == {name: key.hex() for name, key in read_key_file(file).items()}
    assert started(tmp_path, SECRET_KEY="changed") == keys


def test_m7_an_upgraded_installation_keeps_the_derived_key_when_secret_key_changes(tmp_path):
    (tmp_path / "secret_key").write_text("the secret of the former version")
    (tmp_path / "audit-anchors.jsonl").touch()
    own, derived = started(tmp_path).items()

    assert derived == ("own", derived_key("the secret of the former version").hex())
    after = started(tmp_path, SECRET_KEY="another one")
    assert list(after.items()) == [own, derived]


def test_m7_lines_signed_with_the_derived_key_stay_valid_and_new_ones_use_the_new_key(
    operator, settings, tmp_path
):
    settings.AUDIT_KEYS = {"own": derived_key("former")}
    write(operator)
    file = tmp_path / "audit_keys"
    file.write_text(new_key_file("former"))
    key_marks._checked.clear()
    settings.SECRET_KEY = "changed after a leak"
    settings.AUDIT_KEYS = read_keys([], read_key_file(file))

    assert write(operator).key_id.startswith("key-")
    assert found() == []


def test_h7_a_key_that_was_rotated_with_the_upgrade_still_gives_the_derived_key(tmp_path):
    (tmp_path / "audit-anchors.jsonl").touch()
    former = {"SECRET_KEY": "a new one", "SECRET_KEY_FALLBACKS": "the-former an-older"}

    assert started(tmp_path, **former)["own"] == derived_key("the-former").hex()


def test_h7_a_key_that_did_not_sign_the_trail_is_told_before_a_line_is_written(operator, settings):
    settings.AUDIT_KEYS = {"own": derived_key("the former one")}
    write(operator)
    AuditMark.objects.all().delete()  # As in a database of the version that derived the key.
    key_marks._checked.clear()
    settings.AUDIT_KEYS = {"key-1": b"1" * 32, "own": derived_key("another one")}

    [error] = check_audit_key(databases=["default"])
    assert "SECRET_KEY_FALLBACKS" in error.msg
    with pytest.raises(UnknownKeyError, match="another SECRET_KEY"), transaction.atomic():
        write(operator)

    settings.AUDIT_KEYS = {"key-1": b"1" * 32, "own": derived_key("the former one")}
    assert check_audit_key(databases=["default"]) == []
    assert write(operator).key_id == "key-1"
    assert key_marks.usable() == {"key-1", "own"}


def test_h7_keys_that_this_host_has_lost_are_not_usable(operator, settings):
    settings.AUDIT_KEYS = FIRST
    write(operator)
    settings.AUDIT_KEYS = SECOND | {"first": b"x" * 32}

    assert key_marks.usable() == {"second"}


def test_processes_that_start_at_once_use_one_key(tmp_path):
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: started(tmp_path), range(4)))

    assert all(each == answers[0] for each in answers)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["audit_keys", "secret_key"]


def test_audit_keys_take_precedence_and_the_own_key_still_verifies(tmp_path):
    own = started(tmp_path)
    both = started(tmp_path, AUDIT_KEYS="2026:" + "n" * 32)

    assert list(both) == ["2026", *own]


@pytest.mark.parametrize("content", ["", "no digits", "a xyz\n", f"a {'0' * 64}\na {'1' * 64}\n"])
def test_a_damaged_key_file_is_refused(tmp_path, content):
    (tmp_path / "audit_keys").write_text(content)
    with pytest.raises(ValueError, match="restore it from a backup"):
        read_key_file(tmp_path / "audit_keys")


@pytest.mark.parametrize(
    "pairs", [["no-colon"], ["a:short"], [f"own:{'x' * 32}"], [f"a:{'x' * 32}", f"a:{'y' * 32}"]]
)
def test_a_malformed_list_of_keys_is_refused(pairs):
    with pytest.raises(ValueError, match=r"secret|used twice"):
        read_keys(pairs, {})


def test_m7_a_lost_key_is_one_finding_and_no_line_is_signed_with_another(operator, settings):
    settings.AUDIT_KEYS = FIRST
    for _ in range(120):
        write(operator)
    key_marks._checked.clear()
    settings.AUDIT_KEYS = SECOND

    assert found() == ["key first"]
    with pytest.raises(UnknownKeyError, match="key first"), transaction.atomic():
        write(operator)
    [error] = check_audit_key(databases=["default"])
    assert "audit_accept" in error.msg
    assert AuditEvent.objects.count() == 120


def test_a_key_with_the_same_id_and_another_secret_is_a_lost_key(operator, settings):
    settings.AUDIT_KEYS = FIRST
    write(operator)
    key_marks._checked.clear()
    settings.AUDIT_KEYS = {"first": b"x" * 32}

    assert found() == ["key first"]
    with pytest.raises(UnknownKeyError), transaction.atomic():
        write(operator)


def test_m7_a_host_with_a_key_of_its_own_may_not_sign(operator, settings):
    settings.AUDIT_KEYS = FIRST
    write(operator)
    key_marks._checked.clear()
    settings.AUDIT_KEYS = SECOND
    expected = pytest.raises(UnknownKeyError, match="set the same AUDIT_KEYS on all hosts")
    with expected, transaction.atomic():
        write(operator)

    settings.AUDIT_KEYS = FIRST | SECOND
    write(operator)
    assert found() == []


def test_a_new_key_in_front_signs_and_a_host_without_it_may_not(operator, settings):
    settings.AUDIT_KEYS = FIRST
    write(operator)
    key_marks._checked.clear()
    settings.AUDIT_KEYS = SECOND | FIRST
    assert write(operator).key_id == "second"
    assert found() == []

    for keys, text in ((FIRST, "key second"), (FIRST | SECOND, "newer key second")):
        key_marks._checked.clear()
        settings.AUDIT_KEYS = keys
        with pytest.raises(UnknownKeyError, match=text), transaction.atomic():
            write(operator)


def test_a_line_signed_with_a_replaced_key_is_altered(operator, settings):
    settings.AUDIT_KEYS = FIRST
    write(operator)
    key_marks._checked.clear()
    settings.AUDIT_KEYS = SECOND | FIRST
    write(operator)
    settings.AUDIT_KEYS = FIRST | SECOND
    key_marks._checked.add(("first", FIRST["first"]))  # It was started before the rotation.
    write(operator)

    settings.AUDIT_KEYS = SECOND | FIRST
    assert found() == ["altered record 3"]


def test_a_lost_key_is_accepted_by_a_command_with_a_reason(operator, settings):
    settings.AUDIT_KEYS = FIRST
    write(operator)
    key_marks._checked.clear()
    settings.AUDIT_KEYS = SECOND
    with pytest.raises(CommandError, match="reason"):
        call_command("audit_accept", "--reason", " ")

    call_command("audit_accept", "--reason", "The disk is gone.")

    line = AuditEvent.objects.get(verb=Verb.AUDIT_ACCEPTED)
    assert line.reason == "The disk is gone."
    assert line.data["found"][0].startswith("key: first")
    write(operator)
    assert found() == ["key first"]
    assert check_audit_key(databases=["default"]) == []


def test_the_own_keys_of_hosts_that_share_audit_keys_are_no_findings(operator, settings):
    for own in ({"key-a": b"a" * 32}, {"key-b": b"b" * 32}):
        settings.AUDIT_KEYS = FIRST | own
        key_marks._checked.clear()
        write(operator)
        assert found() == []
