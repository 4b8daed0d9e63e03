"""One chaos run: start all processes, inject faults, let the work settle, check invariants."""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field

from tests.chaos.event_log import EventLog
from tests.chaos.fault_injector import FaultInjector, FaultProfile
from tests.chaos.installation import ChaosInstallation, UserProcess, open_installation
from tests.chaos.invariants import InvariantChecker, is_settled
from tests.chaos.page_poller import PagePoller
from tests.chaos.workload import Workload


@dataclass(frozen=True, slots=True)
class Plan:
    """One run: its seed, the seconds of faults, and how long it may take to settle afterwards.

    The two pauses are the mean seconds between submissions and between controls.
    """

    seed: int
    seconds: float
    settle_seconds: float
    profile: FaultProfile
    submit_pause: float
    control_pause: float


SHORT = Plan(20, 30, 120, FaultProfile((0.3, 1.0), (0.5, 1.2), 0.35, outage=1.0), 0.25, 3.0)
"""The run of the ordinary suite."""


def long_plan(seed: int, seconds: float) -> Plan:
    """Return a plan of this many seconds, with pauses in which the engine can recover."""
    return Plan(
        seed,
        seconds,
        240,
        FaultProfile((1.0, 9.0), (1.0, 5.0), outage=min(60.0, seconds / 10)),
        0.7,
        8.0,
    )


def without_redis(seed: int, seconds: float) -> Plan:
    """Return a plan in which Redis is away for this many seconds, and nothing else fails."""
    profile = FaultProfile((2.0, 2.0), (seconds, seconds), share=0.0, faults=("restart_redis",))
    return Plan(seed, seconds, 240, profile, 0.7, 8.0)


@dataclass(slots=True)
class RunResult:
    """The result of a run; it passed if there are no findings."""

    plan: Plan
    event_log: EventLog
    findings: list[str] = field(default_factory=list)
    figures: str = ""
    output: str = ""

    def __str__(self) -> str:
        verdict = "\n".join(self.findings) or "Nothing lost, nothing repeated, limit kept."
        head = f"seed {self.plan.seed}, {self.plan.seconds:g} s"
        return f"{head}\n{self.figures}\n{verdict}"

    @property
    def report(self) -> str:
        """Everything that helps to find the cause: event log, output and findings."""
        return f"{self.event_log}\n── output of the processes ──\n{self.output}\n{self}"


def run_chaos(plan: Plan, echo: Callable[[str], None] = lambda line: None) -> RunResult:
    """Run the plan; failures to start or to clean up are findings too."""
    result = RunResult(plan, EventLog(echo))
    try:
        with open_installation(plan.seed) as installation:
            try:
                _run_in(installation, result)
            finally:
                result.output = _read_output(installation)
    except AssertionError as error:
        result.findings.append(f"aborted: {error}")
    return result


def _run_in(installation: ChaosInstallation, result: RunResult) -> None:
    plan, event_log = result.plan, result.event_log
    installation.start()
    users = UserProcess(installation)
    try:
        workload = Workload(installation, users, event_log, plan.seed)
        injector = FaultInjector(installation, event_log, plan.seed, plan.profile)
        cookie = users.call_with_retry("sign_in")["cookie"]
        users.call_with_retry("start_sync")
        installation.wait_until(lambda: installation.vendor.received)
        event_log.note("everything is started")
        poller = PagePoller(installation, cookie, workload, event_log)
        _run_all(plan, workload, injector, poller, lambda: _settle(installation, plan, event_log))
    finally:
        users.close()
    checker = InvariantChecker(installation, workload)
    result.findings += checker.findings() + installation.unexpected_exits()
    verified = installation.manage("audit_verify", timeout=300)
    if verified.returncode:
        result.findings.append(f"audit_verify: {verified.stdout[-500:]}")
    result.findings += [f"web: {error}" for error in poller.errors]
    if poller.unavailable > injector.cuts:
        result.findings.append(
            f"web: {poller.unavailable} pages answered 503 for {injector.cuts} database cuts"
        )
    pages = f"pages {dict(poller.statuses)}, the slowest {poller.longest:.1f} s"
    counts = f"forms sent twice {workload.duplicates}, faults injected {injector.injected}"
    result.figures = f"{checker.figures()}\n{pages}\n{counts}"


def _run_all(
    plan: Plan,
    workload: Workload,
    injector: FaultInjector,
    poller: PagePoller,
    settle: Callable[[], None],
) -> None:
    """Run everything in parallel; the poller continues until the work has settled."""
    with ThreadPoolExecutor(4) as pool:
        polling = pool.submit(poller.run)
        acting: list[Future[None]] = [
            pool.submit(injector.run, plan.seconds),
            pool.submit(workload.submit_for, plan.seconds, plan.submit_pause),
            pool.submit(workload.control_for, plan.seconds, plan.control_pause),
        ]
        try:
            wait(acting)
            settle()
        finally:
            injector.stop()
            workload.stop()
            poller.stop()
        for each in [*acting, polling]:
            each.result()


def _read_output(installation: ChaosInstallation) -> str:
    """Return the last 400 lines of the processes' output, each cut after 300 characters."""
    lines = (installation.folder / "output.log").read_text(errors="replace").splitlines()
    return "\n".join(line[:300] for line in lines[-400:])


def _settle(installation: ChaosInstallation, plan: Plan, event_log: EventLog) -> None:
    end = time.monotonic() + plan.settle_seconds
    while not is_settled(installation) and time.monotonic() < end:
        time.sleep(0.2)
    event_log.note("settled" if is_settled(installation) else "NOT SETTLED")
