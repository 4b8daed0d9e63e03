"""The users' workload: requests of all sizes, and controls from the command line."""

import json
import random
import threading
import time
import uuid
from dataclasses import dataclass

from tests.chaos.event_log import EventLog
from tests.chaos.installation import ChaosInstallation, UserProcess

SHARED, DELETABLE = 8, 60
"""The first 8 devices are named by many requests; the next 52 (up to 60) may be deleted."""

MAX_WAITING = 160
"""Commands that may wait before the workload stops submitting: the vendor's limit sets the pace."""

KINDS = ("exempt", "exempt", "unexempt", "ignore", "assign_to_group", "fetch_agent_log", "delete")

WAITING = "SELECT count(*) FROM actions_devicecommand WHERE status IN ('held', 'queued', 'sending')"


@dataclass(frozen=True, slots=True)
class Submitted:
    """A submission as the test remembers it."""

    kind: str
    targets: tuple[str, ...]


class Workload:
    """Submits requests through the services and controls them by `manage.py action_request`."""

    def __init__(
        self, installation: ChaosInstallation, users: UserProcess, event_log: EventLog, seed: int
    ) -> None:
        self.installation, self.users, self.event_log = installation, users, event_log
        self.random = random.Random(f"workload {seed}")
        self.control_random = random.Random(f"controls {seed}")
        ids = sorted(installation.vendor.devices)
        self.random.shuffle(ids)
        self.shared, self.deletable = ids[:SHARED], ids[SHARED:DELETABLE]
        self.others = ids[DELETABLE:]
        self.groups = ["default"]
        self.submitted: dict[str, Submitted] = {}
        self.duplicates = 0
        self.paused: set[str] = set()
        self.retries: set[str] = set()
        self._stopped = threading.Event()

    def stop(self) -> None:
        """End early."""
        self._stopped.set()

    # Submitting.

    def submit_for(self, seconds: float, pause: float) -> None:
        """Submit for this many seconds, whenever fewer than MAX_WAITING commands wait."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and not self._stopped.wait(self.random.uniform(0, 2 * pause)):
            if self.installation.query(WAITING)[0][0] < MAX_WAITING:
                self.submit_one()
            if self.random.random() < 0.03:
                self.users.call_with_retry("start_sync")

    def submit_one(self) -> None:
        """Submit one request; submit one form in ten twice."""
        kind = self.random.choice(KINDS)
        targets = self._targets(kind)
        form = {"kind": kind, "targets": targets, "form_token": self._token()}
        if kind == "exempt":
            form["hours"] = self.random.choice(["1", "24"])
        if kind == "assign_to_group":
            form["group_id"] = "default"
        for _ in range(2 if self.random.random() < 0.1 else 1):
            answer = self.users.call_with_retry("submit", **form)
            self.duplicates += answer["duplicate"]
            self.submitted[answer["uuid"]] = Submitted(kind, tuple(targets))
        self.event_log.note(f"submits {kind} for {len(targets)} devices")

    def _token(self) -> str:
        return str(uuid.UUID(int=self.random.getrandbits(128), version=4))

    def _targets(self, kind: str) -> list[str]:
        if kind == "delete":
            return self.random.sample(self.deletable, self.random.randint(1, 4))
        few, some, many = (1, 4), (5, 30), (31, 120)
        sizes = self.random.choices([few, some, many], [6, 3, 1])[0]
        count = self.random.randint(*sizes)
        shared = self.random.sample(self.shared, min(count, self.random.randint(0, SHARED)))
        return shared + self.random.sample(self.others, count - len(shared))

    # Controlling.

    def control_for(self, seconds: float, pause: float) -> None:
        """Pause, resume, cancel or retry the latest six requests for this many seconds."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and not self._stopped.wait(
            self.control_random.uniform(0, 2 * pause)
        ):
            if latest := list(self.submitted)[-6:]:
                self.control_one(self.control_random.choice(latest))
        self.resume_all()

    def control_one(self, uuid: str) -> None:
        """Use one control on a request."""
        verb = self.control_random.choice(["pause", "pause", "resume", "cancel", "retry"])
        if verb == "retry":
            self._retry(uuid)
            return
        if verb == "pause":
            self.paused.add(uuid)  # Even if the answer is lost: the pause may have been stored.
        if self._control(uuid, verb) is not None and verb == "resume":
            self.paused.discard(uuid)

    def resume_all(self) -> None:
        """Resume every paused request."""
        for each in sorted(self.paused):
            assert self._control(each, "resume") is not None, f"{each} cannot be resumed."
        self.paused.clear()

    def _retry(self, uuid: str) -> None:
        statuses = "failed,unsupported,unconfirmed,cancelled,expired,not_seen"
        answer = self._control(uuid, "retry", "--only", statuses, "--reason", "chaos")
        if answer:
            self.retries.add(str(answer["request"]))

    def _control(self, uuid: str, verb: str, *options: str) -> dict[str, object] | None:
        """Return the command's answer; None if it refuses or the database stays unavailable."""
        for _ in range(400):
            done = self.installation.manage("action_request", uuid, verb, "--json", *options)
            if done.returncode == 0:
                self.event_log.note(f"{verb}: {done.stdout.strip()}")
                answer: dict[str, object] = json.loads(done.stdout)
                return answer
            if done.returncode == 2:
                return None
            self.event_log.note(f"{verb} has no answer: {done.stderr.strip()[-120:]}")
            time.sleep(0.3)
        return None
