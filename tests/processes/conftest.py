"""Fixtures that run the console as real processes: installations, databases, vendor devices."""

import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from actions.simulator import Simulator
from tests.processes.databases import PostgresDatabase, SqliteDatabase, empty_database
from tests.processes.installation import (
    MANAGE,
    ROOT,
    Installation,
    bare_environment,
    short_folder,
)

MakeInstallation = Callable[..., Installation]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "processes" in item.path.parts:
            item.add_marker("processes")


@pytest.fixture(scope="session")
def migrated_database() -> Iterator[SqliteDatabase | PostgresDatabase]:
    """Migrate one database; each installation gets a copy, because migrating takes seconds."""
    with short_folder() as folder, empty_database(folder) as database:
        env = bare_environment(folder) | {"DATABASE_URL": database.url}
        subprocess.run([*MANAGE, "migrate", "--verbosity", "0"], cwd=ROOT, env=env, check=True)
        yield database


@pytest.fixture(scope="session")
def collected_static() -> Iterator[Path]:
    """Collect the static files once; without them no page can be shown."""
    with short_folder() as folder:
        command = [*MANAGE, "collectstatic", "--noinput", "--verbosity", "0"]
        subprocess.run(command, cwd=ROOT, env=bare_environment(folder), check=True)
        yield folder / "static"


@pytest.fixture
def make_installation(
    migrated_database: SqliteDatabase | PostgresDatabase, collected_static: Path
) -> Iterator[MakeInstallation]:
    """Return a function that makes an installation; its options are those of Simulator."""
    with ExitStack() as stack:

        def make(**options: Any) -> Installation:
            folder = stack.enter_context(short_folder())
            shutil.copytree(collected_static, folder / "static")
            database = migrated_database.copy_to(folder)
            stack.callback(database.remove)
            choices: dict[str, Any] = {"devices": 0, "limit": (1000, 60.0), "log_delay": (0, 0)}
            vendor = stack.enter_context(Simulator(**choices | options))
            installation = Installation(folder, database, vendor)
            stack.callback(installation.stop)
            return installation

        yield make


@pytest.fixture
def installation(make_installation: MakeInstallation) -> Installation:
    """An installation whose vendor has no devices yet and allows 1,000 calls a minute."""
    return make_installation()


@pytest.fixture
def vendor_devices(installation: Installation) -> list[str]:
    """Add three devices to the vendor that are not in the inventory."""
    names = ["a1", "b2", "c3"]
    for name in names:
        installation.vendor.add_device(device_id=name)
    return names
