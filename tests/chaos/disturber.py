"""Who kills, cuts and locks, at random from a seed."""

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

from tests.chaos.chronicle import Chronicle
from tests.chaos.place import READ_SECONDS, Place, on_postgres
from tests.processes.installation import Process

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

BUSY = "SELECT worker FROM actions_vendorcall WHERE state = 'sending' ORDER BY id DESC"

TERMINATE = (
    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


@dataclass(frozen=True, slots=True)
class Temper:
    """Seconds between two disturbances, and how long one lasts: the least and the most.

    `share` is the part of all calls that goes wrong.
    """

    pause: tuple[float, float]
    hold: tuple[float, float]
    share: float = 0.2


class Disturber:
    """Deals all its disturbances in random order, and begins anew with the last one."""

    def __init__(self, place: Place, chronicle: Chronicle, seed: int, temper: Temper) -> None:
        self.place, self.chronicle, self.temper = place, chronicle, temper
        self.random = random.Random(f"disturber {seed}")
        self.done = self.cuts = 0
        self._calm = threading.Event()
        self._vendor_is_down = False

    def run(self, seconds: float) -> None:
        """Disturb for so long, then put everything right again."""
        end = time.monotonic() + seconds
        self.order_faults()
        try:
            for disturb in self._deck():
                if self._wait(self.random.uniform(*self.temper.pause)) or time.monotonic() > end:
                    break
                self.order_faults()
                disturb()
                self.done += 1
        finally:
            self.put_right()

    def stop(self) -> None:
        """Come to an end early."""
        self._calm.set()

    def put_right(self) -> None:
        """No faults, and every part is there."""
        self.place.vendor.clear_faults()
        self._start_vendor()
        self.place.start_redis_again()
        self.place.start_beat()
        self.chronicle.note("all is put right")

    def order_faults(self) -> None:
        """Let another mix of three faults strike, besides calls and answers that are slow."""
        vendor = self.place.vendor
        vendor.clear_faults()
        chosen = self.random.sample(FAULTS, 3)
        for name, api, options in chosen:
            vendor.fault(name, times=None, api=api, share=self.temper.share / 3, **options)
        vendor.fault("late", times=None, api=None, share=0.5, seconds=0.0, jitter=0.4)
        vendor.fault("slow", times=None, api=None, share=0.5, seconds=0.0, jitter=0.8)

    def _deck(self) -> Iterator[Callable[[], None]]:
        cards = [
            *(self.kill_worker, self.kill_worker, self.kill_beat),
            *(self.flush_redis, self.restart_redis),
            *(self.shake_database, self.shake_database, self.stop_vendor),
        ]
        while True:
            yield from self.random.sample(cards, len(cards))

    # The disturbances.

    def kill_worker(self) -> None:
        """Kill -9 a worker with its pool, and start another."""
        busy = self._busy_worker() if self.random.random() < 0.6 else None
        victim = busy or self.random.choice(self.place.workers)
        self.chronicle.note(f"kills worker {victim.pid}{' in a call' if busy else ''}")
        self.place.workers.remove(victim)
        self.place.kill(victim)
        self.place.workers.append(self.place.worker(2))
        self.chronicle.note(f"starts worker {self.place.workers[-1].pid}")

    def kill_beat(self) -> None:
        """Kill -9 the clock; it comes back a while later."""
        if self.place.clock is not None:
            self.chronicle.note(f"kills beat {self.place.clock.pid}")
            victim, self.place.clock = self.place.clock, None
            self.place.kill(victim)
        self._hold()
        self.place.start_beat()
        self.chronicle.note("starts beat")

    def flush_redis(self) -> None:
        """Let Redis forget everything."""
        self.chronicle.note("flushes Redis")
        socket = self.place.folder / "redis" / "redis.sock"
        with redis.Redis(unix_socket_path=str(socket), socket_timeout=2) as client:
            client.flushall()

    def restart_redis(self) -> None:
        """Stop Redis, politely or not, and bring it back a while later."""
        if (victim := self.place.redis_server) is not None:
            hard = self.random.random() < 0.5
            self.chronicle.note(f"{'kills' if hard else 'ends'} Redis {victim.pid}")
            self.place.redis_server = None
            if hard:
                victim.kill()
            else:
                victim.terminate()
            victim.wait(10)
        self._hold()
        self.place.start_redis_again()
        self.chronicle.note("starts Redis")

    def shake_database(self) -> None:
        """PostgreSQL: cut all connections to this database. SQLite: hold its lock for a while."""
        if on_postgres():
            with psycopg.connect(self.place.database.url, autocommit=True) as connection:
                self.cuts += 1
                row = connection.execute(TERMINATE).fetchone()
            self.chronicle.note(f"cuts {row[0] if row else 0} connections to the database")
            return
        path = self.place.database.url.removeprefix("sqlite:///")
        with closing(sqlite3.connect(path, timeout=20, isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            self.chronicle.note("locks the database")
            self._hold()
            connection.execute("ROLLBACK")
        self.chronicle.note("unlocks the database")

    def stop_vendor(self) -> None:
        """Let the vendor be down for a while; calls on their way are cut."""
        self.chronicle.note("stops the vendor")
        self._vendor_is_down = True
        self.place.vendor.stop()
        self._hold()
        self._start_vendor()
        self.chronicle.note("starts the vendor")

    # The hands.

    def _busy_worker(self) -> Process | None:
        """The worker that is in a call now, or within a moment."""
        for _ in range(15):
            for (name,) in self.place.look(BUSY):
                with suppress(ProcessLookupError):
                    group = os.getpgid(int(name.split(":")[-2]))
                    for worker in self.place.workers:
                        if worker.pid == group:
                            return worker
            if self._wait(0.1):
                break
        return None

    def _start_vendor(self) -> None:
        port = int(self.place.vendor.url.rsplit(":", 1)[1])
        for _ in range(50):
            if not self._vendor_is_down:
                return
            # For a moment its port may be somebody's outgoing one.
            with suppress(OSError):
                self.place.vendor.start(port)
                self._vendor_is_down = False
            time.sleep(0.1)
        raise AssertionError(f"The vendor's port {port} did not become free.")

    def _hold(self) -> None:
        self._wait(self.random.uniform(*self.temper.hold))

    def _wait(self, seconds: float) -> bool:
        return self._calm.wait(seconds)
