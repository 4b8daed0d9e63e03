"""Start several processes, start each again that ends, and stop them together."""

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

log = logging.getLogger(__name__)

TIE = Path(__file__).with_name("tie.py")

CHECK_SECONDS = 0.1
"""Seconds between two checks of the processes."""

STEADY_SECONDS = 60.0
"""A process that ran for so long is started again at once; an earlier end lengthens the pause."""

LONGEST_PAUSE = 5.0
"""Longest pause before a process is started again, in seconds."""

SAY_AFTER = 2.0
"""Seconds after which a stop names the processes that it waits for."""


@dataclass
class Part:
    """One process of the console.

    `started_at` and `wanted_at` are monotonic times: of its last start, and of its next one.
    """

    name: str
    command: Sequence[str]
    env: dict[str, str] = field(default_factory=dict)
    process: "subprocess.Popen[bytes] | None" = None
    started_at: float = 0.0
    started: datetime | None = None
    wanted_at: float = 0.0
    early_ends: int = 0
    restarts: int = 0

    def start(self) -> None:
        """Start the process in a group of its own; it ends with this process."""
        self.process = subprocess.Popen(  # noqa: S603  # Our own command.
            [sys.executable, "-I", "-S", str(TIE), str(os.getpid()), *self.command],
            env={**os.environ, **self.env},
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        self.started_at, self.started = time.monotonic(), datetime.now(UTC)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process and to what it started."""
        if self.process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, number)

    @property
    def is_running(self) -> bool:
        """Whether the process runs; if it has ended, `collect` has still to be called."""
        if self.process is None:
            return False
        # The process is not collected here, so its number stays its own until its group is killed.
        options = os.WEXITED | os.WNOHANG | os.WNOWAIT
        return os.waitid(os.P_PID, self.process.pid, options) is None

    def collect(self) -> int:
        """Kill what runs of the process and its group; return its exit code."""
        if self.process is None:
            return 0
        self.signal(signal.SIGKILL)
        code, self.process = self.process.wait(), None
        return code


class Supervisor:
    """Runs the parts until it is told to stop.

    The end of one part never ends another one: it is started again, after a pause that doubles
    with each early end. `changed` is called whenever a part was started. A stop sends SIGTERM to
    all parts but those in `last`, and waits `stop_seconds` for them, because a worker finishes the
    call under way; the rest is killed, and a second signal kills at once.
    """

    def __init__(
        self,
        parts: Iterable[Part],
        *,
        last: Iterable[Part],
        stop_seconds: float,
        changed: Callable[[Sequence[Part]], None],
    ) -> None:
        self._last = list(last)
        self._parts = [*self._last, *parts]
        self._stop_seconds = stop_seconds
        self._changed = changed
        self._signals = 0

    def run(self) -> None:
        """Run until SIGINT, SIGTERM or SIGHUP; returns once all parts have ended."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._note)
        signal.signal(signal.SIGHUP, self._hang_up)
        try:
            while not self._signals:
                self._check()
                time.sleep(CHECK_SECONDS)
        finally:
            self._stop()

    def _note(self, signum: int, frame: FrameType | None) -> None:
        self._signals += 1

    def _hang_up(self, signum: int, frame: FrameType | None) -> None:
        """Stop; writing to the closed terminal would fail, so discard the output."""
        null = os.open(os.devnull, os.O_WRONLY)
        for stream in (1, 2):
            os.dup2(null, stream)
        self._signals += 1

    def _check(self) -> None:
        """Start what has ended, and what has not started yet."""
        started = False
        for part in self._parts:
            if part.process is not None and not part.is_running:
                self._plan(part, part.collect())
            if part.process is None and time.monotonic() >= part.wanted_at:
                log.info("%s is starting.", part.name)
                part.start()
                started = True
        if started:
            self._changed(self._parts)

    def _plan(self, part: Part, code: int) -> None:
        """Decide when a part that has ended starts again."""
        now = time.monotonic()
        part.early_ends = 0 if now - part.started_at >= STEADY_SECONDS else part.early_ends + 1
        pause = min(LONGEST_PAUSE, 2.0 ** (part.early_ends - 1)) if part.early_ends else 0.0
        part.wanted_at = now + pause
        part.restarts += 1
        cause = f"signal {-code}" if code < 0 else f"exit code {code}"
        log.error("%s ended with %s; it starts again in %.0f s.", part.name, cause, pause)

    def _stop(self) -> None:
        first = [part for part in self._parts if part not in self._last]
        self._end(first, self._stop_seconds)
        self._end(self._last, self._stop_seconds)

    def _end(self, parts: Sequence[Part], seconds: float) -> None:
        """Stop these parts; kill those that have not ended in time, or at a second signal."""
        for part in parts:
            part.signal(signal.SIGTERM)
        begin, told = time.monotonic(), False
        while running := [part.name for part in parts if part.is_running]:
            waited = time.monotonic() - begin
            if waited > seconds or self._signals > 1:
                log.warning("Killed: %s.", ", ".join(running))
                break
            if waited > SAY_AFTER and not told:
                told = True
                log.warning(
                    "Waiting for %s, at most %.0f s: a call under way is finished first. "
                    "A second Ctrl-C ends it at once; its outcome is then unknown.",
                    ", ".join(running),
                    seconds,
                )
            time.sleep(CHECK_SECONDS)
        for part in parts:
            part.collect()
