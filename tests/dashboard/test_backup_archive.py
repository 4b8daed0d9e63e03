"""The archive of a backup: whatever was cut, changed, added or made by others is refused."""

import hashlib
import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dashboard.backups.archive import BackupError, Found, check, extract, write

FILES = {
    "database.sqlite": b"the rows" * 3000,
    "secret_key": b"secret",
    "audit-anchors.jsonl": b"{}\n" * 9,
    "agent-logs/ab/log.zip": bytes(range(256)) * 5,
    "audit-archive/2026.zip": b"zip",
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("archive")
    for name, content in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    found = Found("2026-11-28T10:00:00+00:00", "sqlite", ("actions.0001_initial",), {})
    write(folder / "backup.tar", found, [(name, folder / name) for name in FILES])
    return (folder / "backup.tar").read_bytes()


def members(content: bytes) -> list[tuple[tarfile.TarInfo, bytes]]:
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        return [(each, archive.extractfile(each).read()) for each in archive]  # type: ignore[union-attr]


def packed(parts: list[tuple[tarfile.TarInfo, bytes]], mode: str = "w") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:  # type: ignore[call-overload]
        for member, content in parts:
            member.size = len(content) if member.isreg() else 0
            archive.addfile(member, io.BytesIO(content))
    return out.getvalue()


def named(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, link
    return member


def refused(folder: Path, content: bytes) -> str:
    (folder / "changed.tar").write_bytes(content)
    with pytest.raises(BackupError) as found:
        check(folder / "changed.tar")
    assert "\n" not in str(found.value)
    return str(found.value)


def restated(parts: list[tuple[tarfile.TarInfo, bytes]], **changes: object) -> bytes:
    """Change the manifest, with a checksum that fits."""
    *rest, (member, content) = parts
    text = json.dumps(json.loads(content.partition(b"\n")[0]) | changes).encode()
    return packed([*rest, (member, text + b"\n" + hashlib.sha256(text).hexdigest().encode())])


def test_m8_a_whole_archive_is_found_whole_and_gives_its_files_back(whole, tmp_path):
    (tmp_path / "a.tar").write_bytes(whole)

    found = check(tmp_path / "a.tar")

    assert set(found.files) == set(FILES)
    assert found.bytes == sum(map(len, FILES.values()))
    for name, content in FILES.items():
        extract(tmp_path / "a.tar", name, tmp_path / "out" / name)
        assert (tmp_path / "out" / name).read_bytes() == content


@pytest.mark.parametrize("name", [*FILES, "manifest.json"])
def test_m8_a_missing_member_is_named(whole, tmp_path, name):
    rest = [(member, content) for member, content in members(whole) if member.name != name]

    text = refused(tmp_path, packed(rest))

    assert (name if name in FILES else "no manifest") in text


FOREIGN = {
    "a parent": named("../x"),
    "a parent further in": named("agent-logs/../../x"),
    "an absolute path": named("/etc/cron.d/x"),
    "a dot": named("./secret_key"),
    "a double slash": named("agent-logs//x"),
    "a symbolic link": named("agent-logs/x", tarfile.SYMTYPE, "/etc/passwd"),
    "a link to a member": named("agent-logs/x", tarfile.SYMTYPE, "../secret_key"),
    "a link that leads nowhere": named("agent-logs/x", tarfile.SYMTYPE, "nowhere"),
    "a hard link": named("agent-logs/x", tarfile.LNKTYPE, "secret_key"),
    "a folder": named("agent-logs/x", tarfile.DIRTYPE),
    "a pipe": named("agent-logs/x", tarfile.FIFOTYPE),
    "a device": named("agent-logs/x", tarfile.CHRTYPE),
    "a member twice": named("secret_key"),
    "the epoch": named("epoch.json"),
    "a file of another kind": named(".env"),
    "another folder": named("redis/redis.sock"),
    "a name with a line break": named("agent-logs\n/x"),
}


@pytest.mark.parametrize("what", FOREIGN)
@pytest.mark.parametrize("stated", [False, True])
def test_m8_what_does_not_belong_in_a_backup_is_refused(whole, tmp_path, what, stated):
    *rest, manifest = members(whole)
    parts = [*rest, (FOREIGN[what], b"x"), manifest]
    if stated:
        digest = {"bytes": 1, "sha256": hashlib.sha256(b"x").hexdigest()}
        files = json.loads(manifest[1].partition(b"\n")[0])["files"]
        content = restated(parts, files=files | {FOREIGN[what].name: digest})
    else:
        content = packed(parts)

    assert "does not belong in a backup" in refused(tmp_path, content)


ODD: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda whole: b"",
    "no archive": lambda whole: b"a picture of a cat" * 100,
    "compressed": lambda whole: packed(members(whole), "w:gz"),
    "another form": lambda whole: restated(members(whole), form=2),
    "no form": lambda whole: restated(members(whole), form=None),
    "no time": lambda whole: restated(members(whole), made_at="yesterday\x1b[31m"),
    "another database": lambda whole: restated(members(whole), vendor="oracle"),
    "a database that is not there": lambda whole: restated(members(whole), vendor="postgresql"),
    "files as a list": lambda whole: restated(members(whole), files=["secret_key"]),
    "files as a number": lambda whole: restated(members(whole), files=3),
    "no files": lambda whole: restated(members(whole), files=None),
    "migrations as a number": lambda whole: restated(members(whole), migrations=3),
    "time as a number": lambda whole: restated(members(whole), made_at=3),
}


@pytest.mark.parametrize("what", ODD)
def test_m8_an_archive_of_another_form_is_refused(whole, tmp_path, what):
    refused(tmp_path, ODD[what](whole))


@given(end=st.integers(min_value=0))
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_m8_an_archive_that_was_cut_anywhere_is_refused(whole, tmp_path, end):
    end_of_content = len(whole.rstrip(b"\0"))

    refused(tmp_path, whole[: end % end_of_content])


@given(place=st.integers(min_value=0), mask=st.integers(min_value=1, max_value=255))
@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_m8_a_changed_byte_is_found_or_belongs_to_no_file(whole, tmp_path, place, mask):
    changed = bytearray(whole)
    changed[place % len(whole)] ^= mask
    (tmp_path / "changed.tar").write_bytes(changed)
    try:
        found = check(tmp_path / "changed.tar")
    except BackupError:
        return
    assert set(found.files) == set(FILES)
    for name, content in FILES.items():
        extract(tmp_path / "changed.tar", name, tmp_path / "out" / name)
        assert (tmp_path / "out" / name).read_bytes() == content
