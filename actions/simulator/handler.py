"""From a request to its reply, without a socket: limit, log, faults, API, rate headers."""

import math
import threading
import time
from dataclasses import asdict, dataclass, field

from actions.simulator.account import Account
from actions.simulator.checks import Answer, Call, Json, Refusal, peek_json
from actions.simulator.churn import Life
from actions.simulator.faults import ROW_FAULTS, Fault, FaultList, spoil_rows
from actions.simulator.limiter import Limiter, Verdict
from actions.simulator.replies import Reply, make_reply, refuse, spoil
from actions.simulator.routes import ROUTES

KEPT_CALLS = 20_000  # of the log, so that a demo may run for weeks
SECRET_NAMES = frozenset({"access_token", "client_secret"})


@dataclass(slots=True)
class Received:
    """One call in the log, written at its arrival and completed when its answer is ready.

    `at` is time.monotonic() and `wall` time.time() of the arrival. `status` stays 0 while there
    is no answer, so for ever if the connection is cut. Neither tokens nor secrets are kept.
    """

    at: float
    method: str
    path: str
    status: int
    api: str
    body: Json | None
    applied: tuple[str, ...]
    wall: float = 0.0
    query: dict[str, str] = field(default_factory=dict)
    fault: str = ""

    def as_json(self) -> Json:
        """Give the entry for the control endpoint."""
        return asdict(self)


class Core:
    """Answers calls for one account; safe to use from many threads."""

    def __init__(
        self,
        account: Account,
        limit: tuple[int, float] | None,
        seed: int,
        changes_per_minute: float = 0.0,
    ) -> None:
        self.account = account
        self._life = Life(account, changes_per_minute, seed)
        self.faults = FaultList(seed)
        self.received: list[Received] = []
        self._limit = limit
        self._limiters: dict[str, Limiter] = {"": self._make_limiter()}
        self._lock = threading.Lock()

    def lateness(self, path: str) -> float:
        """Say how many seconds the call shall still be under way before it arrives."""
        return self.faults.delay("late", _api(path))

    def arrive(self, call: Call) -> tuple[Received, Verdict | None]:
        """Count and log a call that arrives now; no verdict means that it does not count."""
        api = _api(call.path)
        query = {name: value for name, value in call.query.items() if name not in SECRET_NAMES}
        with self._lock:
            verdict = self._count(api)
            at = verdict.at if verdict else time.monotonic()
            entry = Received(at, call.method, call.path, 0, api, None, (), time.time(), query)
            self.received.append(entry)
            if len(self.received) > KEPT_CALLS:
                del self.received[: KEPT_CALLS // 10]
        return entry, verdict

    def respond(self, call: Call, entry: Received, verdict: Verdict | None) -> Reply:
        """Answer a call that has arrived and been read; writes the outcome into its log entry."""
        entry.body = None if entry.api == "token" else peek_json(call.raw)
        if verdict is not None and not verdict.allowed:
            reply = self._refuse(Refusal(429, "too many requests"))
        else:
            reply = self._answer(call, entry)
            reply.delay += self.faults.delay("slow", entry.api)
        self._add_rate_headers(reply, verdict)
        entry.status = reply.code if reply.manner != "none" else 0
        return reply

    def _make_limiter(self) -> Limiter:
        guess = self.account.assumptions
        fixed = guess.window == "fixed"
        return Limiter(self._limit, fixed=fixed, throttled_counts=guess.throttled_counts)

    def _count(self, api: str) -> Verdict | None:
        guess = self.account.assumptions
        if api == "token" and not guess.token_counts:
            return None
        if guess.counter == "account":
            return self._limiters[""].arrive()
        if api not in self._limiters:
            self._limiters[api] = self._make_limiter()
        return self._limiters[api].arrive()

    def _answer(self, call: Call, entry: Received) -> Reply:
        """Answer; a fault may keep the call from taking effect, or spoil what comes back."""
        fault = self.faults.take(entry.api) if entry.api else None
        reply = Reply(200)
        if fault is None or fault.applies:
            self._life.go_on()
            try:
                reply = self._apply(call, entry, fault)
            except Refusal as refusal:
                reply = self._refuse(refusal)
        if fault is None:
            return reply
        entry.fault = fault.name
        if fault.name == "expired_token":
            self.account.expire_tokens()
        return spoil(fault, reply, self.account.assumptions.error_body)

    def _apply(self, call: Call, entry: Received, fault: Fault | None) -> Reply:
        answer = self._ask_api(call)
        entry.applied = answer.applied
        if fault is not None and fault.name in ROW_FAULTS:
            spoil_rows(fault, answer)
        return make_reply(answer)

    def _ask_api(self, call: Call) -> Answer:
        """Let the API answer; the order of the checks is that of the module routes."""
        route = ROUTES.get(call.path)
        if route is None:
            raise Refusal(404, "not found")
        if call.method not in route.methods:
            raise Refusal(405, "method not allowed")
        if route.api != "token":
            self._authenticate(call)
        call.version = route.version
        return route.handle(self.account, call)

    def _authenticate(self, call: Call) -> None:
        token = call.query.get("access_token", "")
        if not token and self.account.assumptions.bearer_accepted:
            token = call.authorization.removeprefix("Bearer ")
        if not self.account.accepts(token):
            raise Refusal(401, "access_token is invalid or expired")

    def _refuse(self, refusal: Refusal) -> Reply:
        return refuse(refusal, self.account.assumptions.error_body)

    def _add_rate_headers(self, reply: Reply, verdict: Verdict | None) -> None:
        """Add the three documented headers where and in the unit assumed (U7)."""
        guess = self.account.assumptions
        wanted = guess.rate_headers == "all" or (guess.rate_headers == "429" and reply.code == 429)
        if verdict is None or verdict.limit is None or not wanted:
            return
        base = time.time() if guess.reset_unit == "epoch" else 0.0
        remaining = 0 if reply.code == 429 else verdict.remaining
        reply.headers["X-RateLimit-Limit"] = str(verdict.limit)
        reply.headers["X-RateLimit-Remaining"] = str(remaining)
        reset = str(math.ceil(base + verdict.reset_after))
        reply.headers.setdefault("X-RateLimit-Reset-Time", reset)


def _api(path: str) -> str:
    route = ROUTES.get(path)
    return route.api if route else ""
