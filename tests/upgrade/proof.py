"""The proof, step by step: fill with the first version, upgrade, compare, and use it."""

import json
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.upgrade import content, trail_guards
from tests.upgrade.content import Content
from tests.upgrade.databases import Database, Postgres, Sqlite
from tests.upgrade.versions import HURRY, ROOT, Failed, Version, environment, export_first

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Before:
    """What the first version left behind."""

    found: dict[str, Any]
    content: dict[str, Content]
    indexes: set[str]
    counters: dict[str, int]
    report: dict[str, Any]


class Proof:
    """One upgrade in one folder; raises Failed at the first step that does not hold."""

    def __init__(self, folder: Path, url: str, say: Say) -> None:
        data = folder / "data"
        data.mkdir(mode=0o700)
        env = environment(data, url)
        self._data, self._url, self._say = data, url, say
        self.old = Version(folder / "first", env | HURRY)
        self.new = Version(ROOT, env)

    def run(self, devices: int, commands: int) -> None:
        """Prove it for so many devices and commands."""
        before = self._fill(devices, commands)
        self._upgrade(before)
        self._use(before)

    def _fill(self, devices: int, commands: int) -> Before:
        with self._step("export the first version"):
            export_first(self.old.root)
        with self._step("migrate with the first version"):
            self.old.manage("migrate", "--verbosity", "0")
        with self._step(f"fill: {devices:,} devices, {commands:,} commands"):
            found = json.loads(
                self.old.run("-m", "tests.upgrade.filling", f"{devices}", f"{commands}")
            )
        with self._step("audit_verify with the first version"):
            report = _verified(self.old.manage("audit_verify", "--json"))
        database = self._database()
        with self._step("digest every table"):
            tables = content.read(database)
        _none(content.empty_columns(database, tables), "No row fills these columns")
        for name, table in tables.items():
            if table.count:
                self._say(f"    {name:<40} {table.count:>9,}")
        return Before(found, tables, database.indexes_and_triggers(), database.counters(), report)

    def _upgrade(self, before: Before) -> None:
        with self._step("migrate with today's version"):
            self.new.manage("migrate", "--verbosity", "0")
        database = self._database()
        with self._step("compare every table"):
            _none(content.differences(database, before.content), "Not what it was")
        ahead = content.names_ahead(database)
        if ahead:
            self._say(f"    New names that no migration has made yet: {', '.join(ahead)}")
        with self._step("audit_verify with today's version"):
            report = _verified(self.new.manage("audit_verify", "--json"))
        if report != before.report:
            raise Failed(f"The trail was {before.report}; it is {report}.")
        with self._step("indexes, triggers, the database's own check"):
            _none(content.lowered_counters(database, before.counters), "Keys would be given again")
            _none(content.lost_indexes(database, before.indexes), "Lost indexes or triggers")
            _none(trail_guards.taken(database), "The trail took a change")
            _none(database.flaws(), "The database finds")

    def _use(self, before: Before) -> None:
        """Work with the upgraded installation: pages, searches, a new request, old files."""
        found = before.found
        with self._step("search devices and the trail, open every page"):
            probe = Version(ROOT, {**self.new.env, "DEBUG": "1"})
            probe.run("-m", "tests.upgrade.probe", json.dumps(found))
        with self._step("submit an action"):
            device = found["device"]["vendor_id"]
            asked = ("submit_action", "unexempt", "--ids", device, "--reason", "upgrade", "--json")
            stored = json.loads(self.new.manage(*asked))
            if stored["counts"]["queued"] != 1:
                raise Failed(f"A new request is not queued: {stored}")
        with self._step("audit_verify: the trail, an export, an archive"):
            report = _verified(self.new.manage("audit_verify", "--json"))
            if report["requests"] != before.report["requests"] + 1:
                raise Failed(f"The new request is not in the report: {report}")
            for name in ("export", "archive"):
                self.new.manage("audit_verify", "--manifest", found[name])

    def _database(self) -> Database:
        if self._url:
            return Postgres(self._url)
        files = sorted(self._data.glob("*.sqlite3"))
        if len(files) != 1:
            raise Failed(f"There should be one database file: {[file.name for file in files]}")
        return Sqlite(files[0])

    @contextmanager
    def _step(self, what: str) -> Iterator[None]:
        start = time.monotonic()
        try:
            yield
        except BaseException:
            self._say(f"FAILED  {what}")
            raise
        self._say(f"{time.monotonic() - start:6.1f} s  {what}")


def _verified(printed: str) -> dict[str, Any]:
    report: dict[str, Any] = json.loads(printed)
    if not report["ok"] or report["findings"]:
        raise Failed(f"audit_verify finds: {report['findings'][:3]}")
    return report


def _none(problems: Iterable[str], meaning: str) -> None:
    if found := list(problems):
        raise Failed(f"{meaning}:\n" + "\n".join(f"  {each}" for each in found[:20]))
