"""One run from the first process to the verdict."""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field

from tests.chaos.chronicle import Chronicle
from tests.chaos.disturber import Disturber, Temper
from tests.chaos.judge import Judge, is_settled
from tests.chaos.place import People, Place, opened_place
from tests.chaos.submitter import Submitter
from tests.chaos.visitor import Visitor


@dataclass(frozen=True, slots=True)
class Plan:
    """A run: its seed, its seconds of chaos, and how long it may take to settle afterwards."""

    seed: int
    seconds: float
    settle_seconds: float
    temper: Temper
    submit_pause: float
    mind_pause: float


SHORT = Plan(20, 12, 90, Temper((0.3, 1.0), (0.5, 1.2), 0.35), 0.25, 3.0)
"""For the ordinary suite."""


def long_plan(seed: int, seconds: float) -> Plan:
    """A run of so many seconds, with pauses in which the engine gets going again."""
    return Plan(seed, seconds, 240, Temper((1.0, 9.0), (1.0, 5.0)), 0.7, 8.0)


@dataclass(slots=True)
class Outcome:
    """What a run has shown; it is good without findings."""

    plan: Plan
    chronicle: Chronicle
    findings: list[str] = field(default_factory=list)
    figures: str = ""
    said: str = ""

    def __str__(self) -> str:
        verdict = "\n".join(self.findings) or "Nothing lost, nothing twice, the limit kept."
        head = f"seed {self.plan.seed}, {self.plan.seconds:g} s"
        return f"{head}\n{self.figures}\n{verdict}"

    @property
    def everything(self) -> str:
        """All that helps to find the cause."""
        return f"{self.chronicle}\n── what the processes said ──\n{self.said}\n{self}"


def play(plan: Plan, say: Callable[[str], None] = lambda line: None) -> Outcome:
    """Run it; what is wrong stands in the outcome, also what could not be cleared away."""
    outcome = Outcome(plan, Chronicle(say))
    try:
        with opened_place(plan.seed) as place:
            try:
                _play_in(place, outcome)
            finally:
                outcome.said = _said(place)
    except AssertionError as error:
        outcome.findings.append(f"broken off: {error}")
    return outcome


def _play_in(place: Place, outcome: Outcome) -> None:
    plan, chronicle = outcome.plan, outcome.chronicle
    place.start()
    people = People(place)
    try:
        submitter = Submitter(place, people, chronicle, plan.seed)
        disturber = Disturber(place, chronicle, plan.seed, plan.temper)
        cookie = people.insist("enter")["cookie"]
        people.insist("read")
        place.until(lambda: place.vendor.received)
        chronicle.note("all has started")
        visitor = Visitor(place.port, cookie, submitter, chronicle)
        _let_them(plan, submitter, disturber, visitor, lambda: _settle(place, plan, chronicle))
    finally:
        people.close()
    judge = Judge(place, submitter)
    outcome.findings += judge.findings() + place.fallen()
    outcome.findings += [f"web: {trouble}" for trouble in visitor.troubles]
    if visitor.sent_away > disturber.cuts:
        outcome.findings.append(
            f"web: {visitor.sent_away} pages for {disturber.cuts} cuts said 503"
        )
    pages = f"pages {dict(visitor.answers)}, the slowest {visitor.longest:.1f} s"
    doubled = f"forms sent twice {submitter.twins}, disturbances {disturber.done}"
    outcome.figures = f"{judge.figures()}\n{pages}\n{doubled}"


def _let_them(
    plan: Plan,
    submitter: Submitter,
    disturber: Disturber,
    visitor: Visitor,
    settle: Callable[[], None],
) -> None:
    """Everybody at once; the visitor stays until all has settled."""
    with ThreadPoolExecutor(4) as pool:
        looking = pool.submit(visitor.run)
        acting: list[Future[None]] = [
            pool.submit(disturber.run, plan.seconds),
            pool.submit(submitter.submit_for, plan.seconds, plan.submit_pause),
            pool.submit(submitter.change_minds_for, plan.seconds, plan.mind_pause),
        ]
        try:
            wait(acting)
            settle()
        finally:
            disturber.stop()
            submitter.stop()
            visitor.stop()
        for each in [*acting, looking]:
            each.result()


def _said(place: Place) -> str:
    """What the processes said, each line without its traceback."""
    lines = (place.folder / "said.log").read_text(errors="replace").splitlines()
    return "\n".join(line[:300] for line in lines[-400:])


def _settle(place: Place, plan: Plan, chronicle: Chronicle) -> None:
    end = time.monotonic() + plan.settle_seconds
    while not is_settled(place) and time.monotonic() < end:
        time.sleep(0.2)
    chronicle.note("settled" if is_settled(place) else "NOT SETTLED")
