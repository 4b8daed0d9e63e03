"""People who go on working: requests of all sizes, and second thoughts at the command line."""

import json
import random
import threading
import time
import uuid
from dataclasses import dataclass

from tests.chaos.chronicle import Chronicle
from tests.chaos.place import People, Place

HOT, DOOMED = 8, 60
"""Devices that everybody asks for, and devices that may be deleted; no device is both."""

MOST_WAITING = 160
"""Commands that may wait at once: the vendor's limit sets the pace, not we."""

KINDS = ("exempt", "exempt", "unexempt", "ignore", "assign_to_group", "fetch_agent_log", "delete")

WAITING = "SELECT count(*) FROM actions_devicecommand WHERE status IN ('held', 'queued', 'sending')"


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody has submitted, as they remember it."""

    kind: str
    targets: tuple[str, ...]


class Submitter:
    """Submits through the services, as pages do; changes minds through `manage.py action_request`."""

    def __init__(self, place: Place, people: People, chronicle: Chronicle, seed: int) -> None:
        self.place, self.people, self.chronicle = place, people, chronicle
        self.random = random.Random(f"submitter {seed}")
        self.second_thoughts = random.Random(f"second thoughts {seed}")
        ids = sorted(place.vendor.devices)
        self.random.shuffle(ids)
        self.hot, self.doomed, self.others = ids[:HOT], ids[HOT:DOOMED], ids[DOOMED:]
        self.groups = ["default"]
        self.wishes: dict[str, Wish] = {}
        self.twins = 0
        self.paused: set[str] = set()
        self.children: set[str] = set()
        self._stopped = threading.Event()

    def stop(self) -> None:
        """Come to an end early."""
        self._stopped.set()

    # Submitting.

    def submit_for(self, seconds: float, pause: float) -> None:
        """Submit while few enough commands wait."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and not self._stopped.wait(self.random.uniform(0, 2 * pause)):
            if self.place.look(WAITING)[0][0] < MOST_WAITING:
                self.submit_one()
            if self.random.random() < 0.03:
                self.people.insist("read")

    def submit_one(self) -> None:
        """Submit one request, and sometimes the same form twice."""
        kind = self.random.choice(KINDS)
        targets = self._targets(kind)
        form = {"kind": kind, "targets": targets, "form_token": self._token()}
        if kind == "exempt":
            form["hours"] = self.random.choice(["1", "24"])
        if kind == "assign_to_group":
            form["group_id"] = "default"
        for _ in range(2 if self.random.random() < 0.1 else 1):
            answer = self.people.insist("submit", **form)
            self.twins += answer["again"]
            self.wishes[answer["uuid"]] = Wish(kind, tuple(targets))
        self.chronicle.note(f"submits {kind} for {len(targets)} devices")

    def _token(self) -> str:
        return str(uuid.UUID(int=self.random.getrandbits(128), version=4))

    def _targets(self, kind: str) -> list[str]:
        if kind == "delete":
            return self.random.sample(self.doomed, self.random.randint(1, 4))
        few, some, many = (1, 4), (5, 30), (31, 120)
        sizes = self.random.choices([few, some, many], [6, 3, 1])[0]
        count = self.random.randint(*sizes)
        hot = self.random.sample(self.hot, min(count, self.random.randint(0, HOT)))
        return hot + self.random.sample(self.others, count - len(hot))

    # Second thoughts.

    def change_minds_for(self, seconds: float, pause: float) -> None:
        """Pause, resume, cancel and retry some of the latest requests."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and not self._stopped.wait(
            self.second_thoughts.uniform(0, 2 * pause)
        ):
            if latest := list(self.wishes)[-6:]:
                self.change_mind(self.second_thoughts.choice(latest))
        self.resume_all()

    def change_mind(self, uuid: str) -> None:
        """Do one thing with a request."""
        verb = self.second_thoughts.choice(["pause", "pause", "resume", "cancel", "retry"])
        if verb == "retry":
            self._retry(uuid)
            return
        if verb == "pause":
            self.paused.add(uuid)  # Also if the answer is lost: it may have happened.
        if self._control(uuid, verb) is not None and verb == "resume":
            self.paused.discard(uuid)

    def resume_all(self) -> None:
        """Let go on what somebody has paused."""
        for each in sorted(self.paused):
            assert self._control(each, "resume") is not None, f"{each} cannot be resumed."
        self.paused.clear()

    def _retry(self, uuid: str) -> None:
        again = "failed,unsupported,unconfirmed,cancelled,expired,not_seen"
        answer = self._control(uuid, "retry", "--only", again)
        if answer:
            self.children.add(str(answer["request"]))

    def _control(self, uuid: str, verb: str, *more: str) -> dict[str, object] | None:
        """What the command answers; None if it refuses, or if the database stayed away."""
        for _ in range(10):
            done = self.place.manage("action_request", uuid, verb, "--json", *more)
            if done.returncode == 0:
                self.chronicle.note(f"{verb}: {done.stdout.strip()}")
                answer: dict[str, object] = json.loads(done.stdout)
                return answer
            if done.returncode == 2:
                return None
            self.chronicle.note(f"{verb} has no answer: {done.stderr.strip()[-120:]}")
            time.sleep(0.3)
        return None
