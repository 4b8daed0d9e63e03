"""Reads for pages: the rate limit, the calls, and what stops sending."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Exists, Subquery
from django.utils import timezone

from actions.account import DEFAULT_ACCOUNT
from actions.dispatch import heartbeats
from actions.dispatch.models import DispatcherHeartbeat
from actions.ratelimit import accounts, call_size, window
from actions.ratelimit.breaker import STOPS_AFTER
from actions.ratelimit.models import VendorAccount, VendorCall
from actions.ratelimit.states import CallState, PauseCause


@dataclass(frozen=True, slots=True)
class WindowStats:
    """The rate limit now: slots in use, and what stops sending. Times are in seconds."""

    limit: int
    seconds: int
    used: int
    foreign: int
    next_in: float
    frozen: bool
    frozen_reason: str
    restored: bool
    paused_for: float
    open_reason: str
    devices_per_call: int | None = None

    @property
    def free(self) -> int:
        """Slots that no call holds."""
        return max(0, self.limit - self.used)

    @property
    def slots(self) -> list[str]:
        """Return the state of each slot: used, foreign or free."""
        ours = max(0, min(self.limit, self.used) - self.foreign)
        states = ["used"] * ours + ["foreign"] * min(self.foreign, self.limit)
        return (states + ["free"] * self.limit)[: self.limit]


def window_stats() -> WindowStats:
    """Return the rate limit as it stands."""
    at = timezone.now()
    account = accounts.read()
    held = VendorCall.objects.filter(holds_until__gt=at).order_by("holds_until")
    rows = list(held.values_list("holds_until", "state"))
    limit = window.limit(account.vendor_limit)
    late = len(rows) - limit
    return WindowStats(
        limit=limit,
        seconds=int(window.length().total_seconds()),
        used=min(limit, len(rows)),
        foreign=sum(state == CallState.FOREIGN for _, state in rows),
        next_in=(rows[late][0] - at).total_seconds() if late >= 0 else 0.0,
        frozen=account.frozen,
        frozen_reason=account.frozen_reason,
        restored=account.restored_at is not None,
        paused_for=_left(account.open_until, at),
        open_reason=account.open_reason,
        devices_per_call=_learned_size(account),
    )


def _learned_size(account: VendorAccount) -> int | None:
    """Return the devices a call may carry if the vendor takes fewer than are set, else None."""
    return call_size.allowed(account) if call_size.is_bounded(account) else None


@dataclass(frozen=True, slots=True)
class SendingStatus:
    """What stops all sending, for the banner on every page."""

    frozen: bool
    frozen_reason: str
    restored: bool
    paused_for: float
    open_reason: str
    cause: PauseCause
    worker_seen: bool
    ticker_seen: bool
    ticker_problem: str
    worker_problem: str
    vendor_limit: int | None
    devices_per_call: int | None


def sending_status() -> SendingStatus:
    """Return what stops sending now, with one query."""
    at = timezone.now()
    workers = heartbeats.recent(at, 2 * settings.DATABASE_LOCK_SECONDS + 10).exclude(problem="")
    tickers = heartbeats.recent(at, part=DispatcherHeartbeat.TICKER)
    known = (
        VendorAccount.objects.filter(pk=DEFAULT_ACCOUNT)
        .annotate(
            worker_seen=Exists(heartbeats.recent(at)),
            worker_problem=Subquery(workers.order_by("-heartbeat_at").values("problem")[:1]),
            # The problem that all tickers have; None without a ticker.
            ticker_problem=Subquery(tickers.order_by("problem").values("problem")[:1]),
        )
        .first()
    )
    account = known or VendorAccount()
    problem = known.ticker_problem if known else None
    return SendingStatus(
        # A worker makes the account's row before it sends.
        worker_seen=known.worker_seen if known else False,
        ticker_seen=problem is not None,
        ticker_problem=problem or "",
        worker_problem=(known.worker_problem or "") if known else "",
        vendor_limit=account.vendor_limit,
        devices_per_call=_learned_size(account),
        frozen=account.frozen,
        frozen_reason=account.frozen_reason,
        restored=account.restored_at is not None,
        paused_for=_left(account.open_until, timezone.now()),
        open_reason=account.open_reason,
        cause=_cause(account),
    )


def _cause(account: VendorAccount) -> PauseCause:
    """Return what stops sending until a good answer comes; refused calls do from the third."""
    cause = PauseCause(account.open_cause)
    if cause == PauseCause.REFUSED and account.consecutive_failures < STOPS_AFTER:
        return PauseCause.NONE
    return cause


def _left(until: datetime | None, at: datetime) -> float:
    return max(0.0, (until - at).total_seconds()) if until else 0.0


@dataclass(frozen=True, slots=True)
class MinuteCount:
    """The calls of one minute; `place` counts minutes from the left end of the chart."""

    place: int
    good: int
    bad: int

    @property
    def total(self) -> int:
        """All calls of the minute."""
        return self.good + self.bad


def per_minute(hours: int = 24) -> list[MinuteCount]:
    """Return the minutes of the last hours in which calls were made, oldest first."""
    end = timezone.now().replace(second=0, microsecond=0) + timedelta(minutes=1)
    begin = end - timedelta(hours=hours)
    calls = VendorCall.objects.filter(claimed_at__gte=begin).exclude(state=CallState.FOREIGN)
    good: Counter[int] = Counter()
    bad: Counter[int] = Counter()
    for claimed_at, state, code in calls.values_list("claimed_at", "state", "http_status"):
        place = int((claimed_at - begin).total_seconds() // 60)
        is_good = state in (CallState.ANSWERED, CallState.SENDING) and code in (200, None)
        (good if is_good else bad)[place] += 1
    places = sorted(good.keys() | bad.keys())
    return [MinuteCount(place, good[place], bad[place]) for place in places]


def latest_calls(limit: int = 100, before: int | None = None) -> list[VendorCall]:
    """Return the latest calls, newest first."""
    calls = VendorCall.objects.prefetch_related("action_requests")
    return list((calls.filter(pk__lt=before) if before else calls)[:limit])


def worker_seen(seconds: float = 60.0) -> bool:
    """Return whether a dispatcher has written a heartbeat in the last `seconds`."""
    return heartbeats.recent(timezone.now(), seconds).exists()


def ticker_seen(seconds: float = 60.0) -> bool:
    """Return whether a ticker has written a heartbeat in the last `seconds`."""
    at = timezone.now()
    return heartbeats.recent(at, seconds, DispatcherHeartbeat.TICKER).exists()
