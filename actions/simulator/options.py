"""Parse command-line options into arguments of Simulator; raise ValueError for invalid text."""

import json
from typing import Any, NamedTuple

from actions.simulator.assumptions import Assumptions


class FaultOption(NamedTuple):
    """One --fault, ready for Simulator.fault."""

    name: str
    times: int | None
    api: str | None
    options: dict[str, Any]


def parse_limit(text: str) -> tuple[int, float] | None:
    """Parse `10/60` as ten calls in sixty seconds, `none` as no limit."""
    if text == "none":
        return None
    calls, slash, seconds = text.partition("/")
    if not slash:
        raise ValueError(f"{text}: write the limit as calls/seconds, for example 10/60")
    return int(calls), float(seconds)


def parse_delay(text: str) -> tuple[float, float]:
    """Parse `5-20` as a range of seconds, `5` as exactly five."""
    low, dash, high = text.partition("-")
    first, last = float(low), float(high if dash else low)
    if not 0 <= first <= last:
        raise ValueError(f"{text}: write the delay as seconds-seconds, the smaller one first")
    return first, last


def parse_fault(text: str) -> FaultOption:
    """Parse `NAME[:times][:key=value]...`; `times` may be `ever`, `api` may be `any`."""
    name, *rest = text.split(":")
    times: int | None = 1
    if rest and "=" not in rest[0]:
        count = rest.pop(0)
        times = None if count == "ever" else int(count)
    options = dict(parse_pair(part) for part in _rejoin(rest))
    api = options.pop("api", "action")
    return FaultOption(name, times, None if api == "any" else api, options)


def parse_pair(text: str) -> tuple[str, Any]:
    """Parse `key=value`; a value that is not valid JSON is text."""
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise ValueError(f"{text}: write it as key=value")
    try:
        return key, json.loads(value)
    except ValueError:
        return key, value


def parse_switch(text: str) -> tuple[str, Any]:
    """Parse `switch=value`; for a switch of type str, `null` and `404` are text."""
    name, value = parse_pair(text)
    if isinstance(getattr(Assumptions(), name, None), str):
        value = text.partition("=")[2]
    return name, value


def _rejoin(parts: list[str]) -> list[str]:
    """Rejoin values that contain a colon, such as URLs, and were split at it."""
    joined: list[str] = []
    for part in parts:
        if joined and "=" not in part:
            joined[-1] += f":{part}"
        else:
            joined.append(part)
    return joined
