"""Inject faults at random from a seed: kill processes, cut connections, lock the database."""

import os
import random
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass

import psycopg
import redis

from tests.chaos.event_log import EventLog
from tests.chaos.installation import READ_SECONDS, ChaosInstallation, on_postgres
from tests.processes.installation import Process
from tests.processes.surroundings import full_disk

FAULTS: tuple[tuple[str, str | None, dict[str, object]], ...] = (
    ("cut_before", None, {}),
    ("cut_after", None, {}),
    ("status", None, {"code": 500, "apply": True}),
    ("status", None, {"code": 503}),
    ("html", None, {"apply": True}),
    ("throttled", None, {}),
    ("expired_token", "action", {}),
    ("missing_rows", "action", {"count": 2}),
    ("timeout_after", None, {"seconds": READ_SECONDS + 1}),
    ("doubled_differing", "action", {"count": 1}),
)

SENDING_WORKERS = "SELECT worker FROM actions_vendorcall WHERE state = 'sending' ORDER BY id DESC"

TERMINATE = (
    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


@dataclass(frozen=True, slots=True)
class FaultProfile:
    """How often and how long to inject faults; both ranges are (minimum, maximum) in seconds.

    `pause` is the time between two faults and `duration` how long one lasts; `outage` is how long
    the database is away, the disk full or Redis read-only, once each. `share` is the part of all
    vendor calls that fails. `faults` names the methods of FaultInjector, each as often as it
    is injected in a round.
    """

    pause: tuple[float, float]
    duration: tuple[float, float]
    share: float = 0.2
    outage: float = 2.0
    faults: tuple[str, ...] = (
        *("kill_worker", "kill_worker", "kill_ticker", "kill_web"),
        *("flush_redis", "restart_redis", "refuse_redis_writes"),
        *("disrupt_database", "disrupt_database", "close_database"),
        *("set_clock", "set_clock", "fill_disk", "stop_vendor"),
    )


class FaultInjector:
    """Injects every fault once in random order, then all again in a new random order."""

    def __init__(
        self, installation: ChaosInstallation, event_log: EventLog, seed: int, profile: FaultProfile
    ) -> None:
        self.installation, self.event_log, self.profile = installation, event_log, profile
        self.random = random.Random(f"fault injector {seed}")
        self.injected = self.cuts = 0
        self._stopped = threading.Event()
        self._vendor_is_down = False

    def run(self, seconds: float) -> None:
        """Inject faults for this many seconds, then restore everything."""
        end = time.monotonic() + seconds
        self.set_vendor_faults()
        try:
            for inject in self._shuffled_faults():
                if self._wait(self.random.uniform(*self.profile.pause)) or time.monotonic() > end:
                    break
                self.set_vendor_faults()
                inject()
                self.injected += 1
        finally:
            self.restore()

    def stop(self) -> None:
        """End the run early."""
        self._stopped.set()

    def restore(self) -> None:
        """Remove the vendor's faults and start every process that is down."""
        self.installation.vendor.clear_faults()
        self._start_vendor()
        self.installation.ensure_redis()
        self.installation.ensure_ticker()
        self.installation.ensure_web()
        self.event_log.note("everything is restored")

    def set_vendor_faults(self) -> None:
        """Choose three other vendor faults, in addition to slow calls and slow answers."""
        vendor = self.installation.vendor
        vendor.clear_faults()
        chosen = self.random.sample(FAULTS, 3)
        for name, api, options in chosen:
            vendor.fault(name, times=None, api=api, share=self.profile.share / 3, **options)
        vendor.fault("late", times=None, api=None, share=0.5, seconds=0.0, jitter=0.4)
        vendor.fault("slow", times=None, api=None, share=0.5, seconds=0.0, jitter=0.8)

    def _shuffled_faults(self) -> Iterator[Callable[[], None]]:
        faults = [getattr(self, name) for name in self.profile.faults]
        while True:
            yield from self.random.sample(faults, len(faults))

    # Faults.

    def kill_worker(self) -> None:
        """Kill -9 a worker with its pool and start another."""
        busy = self._busy_worker() if self.random.random() < 0.6 else None
        victim = busy or self.random.choice(self.installation.workers)
        self.event_log.note(f"kills worker {victim.pid}{' in a call' if busy else ''}")
        self.installation.workers.remove(victim)
        self.installation.kill(victim)
        self.installation.workers.append(self.installation.worker(2))
        self.event_log.note(f"starts worker {self.installation.workers[-1].pid}")

    def kill_ticker(self) -> None:
        """Kill -9 the ticker and start it again after a while."""
        if self.installation.ticker_process is not None:
            self.event_log.note(f"kills the ticker {self.installation.ticker_process.pid}")
            victim, self.installation.ticker_process = self.installation.ticker_process, None
            self.installation.kill(victim)
        self._wait_duration()
        self.installation.ensure_ticker()
        self.event_log.note("starts the ticker")

    def flush_redis(self) -> None:
        """Delete everything in Redis."""
        self.event_log.note("flushes Redis")
        socket = self.installation.folder / "redis" / "redis.sock"
        with redis.Redis(unix_socket_path=str(socket), socket_timeout=2) as client:
            client.flushall()

    def restart_redis(self) -> None:
        """Terminate or kill Redis and start it again after a while."""
        if (victim := self.installation.redis_server) is not None:
            hard = self.random.random() < 0.5
            self.event_log.note(f"{'kills' if hard else 'ends'} Redis {victim.pid}")
            self.installation.redis_server = None
            if hard:
                victim.kill()
            else:
                victim.terminate()
            victim.wait(10)
        self._wait_duration()
        self.installation.ensure_redis()
        self.event_log.note("starts Redis")

    def disrupt_database(self) -> None:
        """Cut all connections (PostgreSQL) or hold the write lock for a while (SQLite)."""
        if on_postgres():
            with psycopg.connect(self.installation.database.url, autocommit=True) as connection:
                self.cuts += 1
                row = connection.execute(TERMINATE).fetchone()
            self.event_log.note(f"cuts {row[0] if row else 0} connections to the database")
            return
        self._lock_database(self.random.uniform(*self.profile.duration))

    def _lock_database(self, seconds: float) -> None:
        path = self.installation.database.url.removeprefix("sqlite:///")
        with closing(sqlite3.connect(path, timeout=20, isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            self.event_log.note("locks the database")
            self._wait(seconds)
            connection.execute("ROLLBACK")
        self.event_log.note("unlocks the database")

    def stop_vendor(self) -> None:
        """Stop the vendor for a while; calls in flight are cut."""
        self.event_log.note("stops the vendor")
        self._vendor_is_down = True
        self.installation.vendor.stop()
        self._wait_duration()
        self._start_vendor()
        self.event_log.note("starts the vendor")

    def kill_web(self) -> None:
        """Kill -9 the web server and start it again after a while."""
        self.event_log.note("kills the web server")
        with self.installation.trouble("web"):
            if victim := self.installation.web:
                self.installation.web = None
                self.installation.kill(victim)
            self._wait_duration()
            self.installation.ensure_web()
        self.event_log.note("starts the web server")

    def set_clock(self) -> None:
        """Set the wall clock of all processes, 5 minutes or a day off, or right again."""
        seconds = self.random.choice([-86_400, -300, 0, 300, 86_400])
        self.event_log.note(f"sets the clock {seconds:+} s off")
        self.installation.clock.set(seconds)

    def fill_disk(self) -> None:
        """Fill the disk of the data folder."""
        self.event_log.note("fills the disk")
        with self.installation.trouble("disk"), full_disk(self.installation.folder):
            self._wait(self.profile.outage)
        self.event_log.note("empties the disk")

    def refuse_redis_writes(self) -> None:
        """Make Redis a read-only replica, as after a failover."""
        self.event_log.note("makes Redis read-only")
        socket = self.installation.folder / "redis" / "redis.sock"
        with redis.Redis(unix_socket_path=str(socket), socket_timeout=2) as client:
            client.replicaof("127.0.0.1", 1)
            self._wait(self.profile.outage)
            client.replicaof("NO", "ONE")
        self.event_log.note("makes Redis writable")

    def close_database(self) -> None:
        """Refuse all connections to the database (PostgreSQL); a longer lock (SQLite)."""
        with self.installation.trouble("database"):
            if on_postgres():
                self.event_log.note("closes the database")
                self.installation.database.set_open(is_open=False)
                try:
                    self._wait(self.profile.outage)
                finally:
                    self.installation.database.set_open(is_open=True)
                self.event_log.note("opens the database")
                return
            self._lock_database(self.profile.outage)

    # Internals.

    def _busy_worker(self) -> Process | None:
        """Return a worker that is in a vendor call; wait up to 1.5 s for one."""
        for _ in range(15):
            for (name,) in self.installation.query(SENDING_WORKERS):
                with suppress(ProcessLookupError):
                    group = os.getpgid(int(name.split(":")[-2]))
                    for worker in self.installation.workers:
                        if worker.pid == group:
                            return worker
            if self._wait(0.1):
                break
        return None

    def _start_vendor(self) -> None:
        port = int(self.installation.vendor.url.rsplit(":", 1)[1])
        for _ in range(50):
            if not self._vendor_is_down:
                return
            # An outgoing connection may hold the port for a short time.
            with suppress(OSError):
                self.installation.vendor.start(port)
                self._vendor_is_down = False
            time.sleep(0.1)
        raise AssertionError(f"The vendor's port {port} did not become free.")

    def _wait_duration(self) -> None:
        self._wait(self.random.uniform(*self.profile.duration))

    def _wait(self, seconds: float) -> bool:
        return self._stopped.wait(seconds)
