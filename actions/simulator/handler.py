"""Turn a request into a reply, without a socket: rate limit, log, faults, API, rate headers."""

import math
import threading
import time
from dataclasses import asdict, dataclass, field

from actions.simulator.account import Account
from actions.simulator.assumptions import Assumptions
from actions.simulator.checks import Answer, Call, Json, Refusal, peek_json
from actions.simulator.churn import Churn
from actions.simulator.faults import ROW_FAULTS, Fault, FaultList, corrupt_rows
from actions.simulator.limiter import Limiter, Verdict
from actions.simulator.replies import Reply, apply_fault, make_reply, refusal_reply, retry_after
from actions.simulator.routes import ROUTES

MAX_LOG_ENTRIES = 20_000  # bounds memory when a demo runs for weeks
SECONDS_PAST = 30  # how long ago a reset time in the past was
SECRET_NAMES = frozenset({"access_token", "client_secret"})


@dataclass(slots=True)
class Received:
    """One call in the log, written on arrival and completed when its answer is ready.

    `at` is time.monotonic() and `wall` time.time() of the arrival. `status` is 0 until there is an
    answer, and stays 0 if the connection is cut. Tokens and secrets are not kept.
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
        """Return the entry for the admin API."""
        return asdict(self)


class CallHandler:
    """Answers the calls to one account; safe to use from many threads."""

    def __init__(
        self,
        account: Account,
        limit: tuple[int, float] | None,
        seed: int,
        changes_per_minute: float = 0.0,
    ) -> None:
        self.account = account
        self._churn = Churn(account, changes_per_minute, seed)
        self.faults = FaultList(seed)
        self.received: list[Received] = []
        self._limit = limit
        self._limiters: dict[str, Limiter] = {"": self._make_limiter()}
        self._lock = threading.Lock()

    def arrival_delay(self, path: str) -> float:
        """Return the seconds that a `late` fault delays the arrival of this call."""
        return self.faults.delay("late", _api_name(path))

    def log_arrival(self, call: Call) -> tuple[Received, Verdict | None]:
        """Count and log a call on arrival; the verdict is None if the call does not count."""
        api = _api_name(call.path)
        query = {name: value for name, value in call.query.items() if name not in SECRET_NAMES}
        with self._lock:
            verdict = self._check_limit(api)
            at = verdict.at if verdict else time.monotonic()
            entry = Received(at, call.method, call.path, 0, api, None, (), time.time(), query)
            self.received.append(entry)
            if len(self.received) > MAX_LOG_ENTRIES:
                del self.received[: MAX_LOG_ENTRIES // 10]
        return entry, verdict

    def respond(self, call: Call, entry: Received, verdict: Verdict | None) -> Reply:
        """Answer a call after its body has been read, and complete its log entry."""
        entry.body = None if entry.api == "token" else peek_json(call.raw)
        if verdict is not None and not verdict.allowed:
            reply = self._refuse(Refusal(429, "too many requests"))
        else:
            reply = self._answer(call, entry)
            reply.delay += self.faults.delay("slow", entry.api)
        self._add_rate_headers(reply, verdict)
        entry.status = reply.code if reply.mode != "none" else 0
        return reply

    def _make_limiter(self) -> Limiter:
        assumed = self.account.assumptions
        fixed = assumed.window == "fixed"
        return Limiter(self._limit, fixed=fixed, throttled_counts=assumed.throttled_counts)

    def _check_limit(self, api: str) -> Verdict | None:
        assumed = self.account.assumptions
        if api == "token" and not assumed.token_counts:
            return None
        if assumed.counter == "account":
            return self._limiters[""].arrive()
        if api not in self._limiters:
            self._limiters[api] = self._make_limiter()
        return self._limiters[api].arrive()

    def _answer(self, call: Call, entry: Received) -> Reply:
        """Run the call; a fault may prevent its effect or corrupt its answer."""
        fault = self.faults.take(entry.api) if entry.api else None
        reply = Reply(200)
        if fault is None or fault.applies:
            self._churn.catch_up()
            try:
                reply = self._run_api(call, entry, fault)
            except Refusal as refusal:
                reply = self._refuse(refusal)
        if fault is None:
            return reply
        entry.fault = fault.name
        if fault.name == "expired_token":
            self.account.expire_tokens()
        return apply_fault(fault, reply, self.account.assumptions.error_body)

    def _run_api(self, call: Call, entry: Received, fault: Fault | None) -> Reply:
        answer = self._route(call)
        entry.applied = answer.applied
        if fault is not None and fault.name in ROW_FAULTS:
            corrupt_rows(fault, answer)
        return make_reply(answer)

    def _route(self, call: Call) -> Answer:
        """Check path, method and token, in this order, and call the API's function."""
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
        return refusal_reply(refusal, self.account.assumptions.error_body)

    def _add_rate_headers(self, reply: Reply, verdict: Verdict | None) -> None:
        """Add the rate headers; on which replies, in which unit and rounding is assumed (U7)."""
        assumed = self.account.assumptions
        if reply.from_gateway:
            return
        if reply.code == 429 and verdict is not None and assumed.retry_after != "none":
            text = retry_after(verdict.reset_after, as_date=assumed.retry_after == "date")
            reply.headers.setdefault("Retry-After", text)
        wanted = assumed.rate_headers == "all" or (
            assumed.rate_headers == "429" and reply.code == 429
        )
        if verdict is None or verdict.limit is None or not wanted:
            return
        remaining = 0 if reply.code == 429 else verdict.remaining
        reply.headers["X-RateLimit-Limit"] = str(verdict.limit)
        reply.headers["X-RateLimit-Remaining"] = str(remaining)
        if assumed.reset_time != "none":
            reset = str(_reset_time(assumed, verdict.reset_after))
            reply.headers.setdefault("X-RateLimit-Reset-Time", reset)


def _reset_time(assumed: Assumptions, seconds: float) -> int:
    """Return the reset time in the assumed unit and rounding."""
    if assumed.reset_time == "zero":
        return 0
    base = time.time() if assumed.reset_unit == "epoch" else 0.0
    if assumed.reset_time == "past":
        return math.floor(base - SECONDS_PAST)
    return (math.floor if assumed.reset_time == "down" else math.ceil)(base + seconds)


def _api_name(path: str) -> str:
    route = ROUTES.get(path)
    return route.api if route else ""
