"""The lock files pin every package with its hashes, and the environment is what they say."""

import re
from importlib.metadata import distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
LOCKS = ("requirements.lock", "requirements-dev.lock")
OF_THE_ENVIRONMENT = {"pip", "setuptools", "wheel"}
"""What Python's venv module installs itself."""

_ENTRY = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;\\]+)(.*?)(?=^\S|\Z)", re.M | re.S)
_HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}\b")


def key(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def read(name: str) -> dict[str, tuple[str, str]]:
    """Return version and rest of each entry by name; comments are left out."""
    lines = (ROOT / name).read_text().splitlines()
    text = "\n".join(line for line in lines if not line.lstrip().startswith("#"))
    return {key(found[1]): (found[2], found[3]) for found in _ENTRY.finditer(text)}


def versions(name: str) -> dict[str, str]:
    return {package: version for package, (version, _) in read(name).items()}


@pytest.mark.parametrize("lock", LOCKS)
def test_low_every_package_of_a_lock_file_has_a_hash_and_no_place_to_get_it_from(lock):
    assert len(read(lock)) > 30
    assert not [name for name, (_, rest) in read(lock).items() if not _HASH.search(rest)]
    text = (ROOT / lock).read_text()
    assert not re.search(r"://|--index|--extra|--find|--trusted| @ ", text)


@pytest.mark.parametrize(
    ("human", "lock"), list(zip(("requirements.txt", "requirements-dev.txt"), LOCKS, strict=True))
)
def test_every_requirement_is_pinned_and_in_its_lock_file(human, lock):
    lines = (ROOT / human).read_text().splitlines()
    wanted = [line for line in lines if line and not line.startswith(("#", "-r "))]
    assert all("==" in line for line in wanted)
    assert versions(human).items() <= versions(lock).items()
    assert len(versions(human)) == len(wanted)


def test_both_lock_files_name_the_same_versions():
    assert versions("requirements.lock").items() <= versions("requirements-dev.lock").items()


def test_low_everything_that_is_installed_is_in_the_lock_file():
    installed = {key(each.metadata["Name"]): each.version for each in distributions()}
    for name in OF_THE_ENVIRONMENT:
        installed.pop(name, None)
    locked = versions("requirements-dev.lock")
    assert {name: locked.get(name) for name in installed} == installed


def test_make_installs_by_hash_and_only_from_the_lock_files():
    makefile = (ROOT / "Makefile").read_text()
    assert re.search(r"^PIP_OPTIONS := .*--require-hashes", makefile, re.M)
    installs = re.findall(r"pip install .*", makefile)
    assert installs == [f"pip install $(PIP_OPTIONS) -r {lock}" for lock in LOCKS]
