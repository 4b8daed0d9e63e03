"""The words of the command line, read into what Simulator takes; each raises ValueError."""

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
    """Read `10/60` as ten calls in sixty seconds; `none` lifts the limit."""
    if text == "none":
        return None
    calls, slash, seconds = text.partition("/")
    if not slash:
        raise ValueError(f"{text}: write the limit as calls/seconds, for example 10/60")
    return int(calls), float(seconds)


def parse_delay(text: str) -> tuple[float, float]:
    """Read `5-20` as between five and twenty seconds, `5` as just five."""
    low, dash, high = text.partition("-")
    first, last = float(low), float(high if dash else low)
    if not 0 <= first <= last:
        raise ValueError(f"{text}: write the delay as seconds-seconds, the smaller one first")
    return first, last


def parse_fault(text: str) -> FaultOption:
    """Read `NAME[:times][:key=value]...`; times may be `ever`, api may be `any`."""
    name, *rest = text.split(":")
    times: int | None = 1
    if rest and "=" not in rest[0]:
        word = rest.pop(0)
        times = None if word == "ever" else int(word)
    options = dict(parse_pair(part) for part in _joined(rest))
    api = options.pop("api", "action")
    return FaultOption(name, times, None if api == "any" else api, options)


def parse_pair(text: str) -> tuple[str, Any]:
    """Read `key=value`; the value is JSON where it can be, else text."""
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise ValueError(f"{text}: write it as key=value")
    try:
        return key, json.loads(value)
    except ValueError:
        return key, value


def parse_switch(text: str) -> tuple[str, Any]:
    """Read `switch=value`; where the switch takes words, `null` and `404` are words as well."""
    name, value = parse_pair(text)
    if isinstance(getattr(Assumptions(), name, None), str):
        value = text.partition("=")[2]
    return name, value


def _joined(parts: list[str]) -> list[str]:
    """Put back together what a colon inside a value, as in an address, has split."""
    joined: list[str] = []
    for part in parts:
        if joined and "=" not in part:
            joined[-1] += f":{part}"
        else:
            joined.append(part)
    return joined
