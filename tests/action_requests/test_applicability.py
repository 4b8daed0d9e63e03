"""The vendor's rules agree with the simulator's, and refuse only what is certain."""

from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest

from actions.action_requests.applicability import DeviceFacts, evaluate
from actions.catalog import KINDS, VERSIONS
from actions.simulator import rules as simulated
from actions.simulator.fleet import SimDevice

NOW = datetime(2026, 1, 1, tzinfo=UTC)
STATUSES = ("compliant", "exempted", "unknown", "ignored", "out_of_license_usage", "pending")
AGENTS = ("persistent", "on_demand", "mobile", "domain_controller")
SYSTEMS = ("windows", "mac", "linux", "ios")
VERSION_NUMBERS = {"v3": (3, 0), "v3.1": (3, 1), "v3.2": (3, 2), "v3.3": (3, 3)}
AGENT_VERSIONS = ("7.6.60.0", "7.6.71.0", "7.6.230.9", "7.6.231.0", "10.4.123.0", "10.4.225.0")


def facts(**given: Any) -> DeviceFacts:
    values: dict[str, Any] = {
        "status": "compliant",
        "agent_type": "persistent",
        "os_family": "windows",
        "agent_version": "7.6.711.0",
        "read_at": NOW,
    }
    return DeviceFacts(**(values | given))


def verdict(kind: str, version: str = "v3.1", **given):
    return evaluate(KINDS[kind], version, facts(**given), NOW)


@pytest.mark.parametrize("version", VERSION_NUMBERS)
def test_certain_verdicts_agree_with_the_rules_of_the_simulator(version):
    """The simulator has rules of its own, from the same pages: a difference is an error in one."""
    certain = 0
    for name, status, agent, system, number in product(
        sorted(VERSIONS[version].kinds), STATUSES, AGENTS, SYSTEMS, AGENT_VERSIONS
    ):
        data: dict[str, Any] = {"status": status, "agent_type": agent, "os_family": system}
        found = verdict(name, version, **data, agent_version=number).allowed
        device = SimDevice(device_id="d", agent_version=number, **data)
        if found is not None:
            certain += 1
            assert found == simulated.is_supported(name, device, VERSION_NUMBERS[version])
    assert certain > 4000


@pytest.mark.parametrize("kind", KINDS)
def test_a_device_without_data_is_never_refused(kind):
    for version in VERSIONS:
        if kind in VERSIONS[version].kinds:
            blank = dict.fromkeys(("status", "agent_type", "os_family", "agent_version"), "")
            assert verdict(kind, version, **blank).allowed is not False


@pytest.mark.parametrize(
    ("given", "rule"),
    [
        ({"agent_type": ""}, "no-agent"),
        ({"agent_type": "managed"}, "odd-agent"),
        ({"os_family": ""}, "no-system"),
        ({"os_family": "linux"}, "system"),
        ({"agent_version": ""}, "no-version"),
        ({"agent_version": "9" * 5000}, "no-version"),
        ({"agent_version": "7.6.x.0"}, "no-version"),
        ({"read_at": NOW - timedelta(hours=25)}, "old"),
        ({"read_at": None}, "old"),
    ],
)
def test_missing_data_makes_a_verdict_uncertain_with_an_explanation(given, rule):
    found = verdict("fetch_agent_log", **given)
    assert (found.allowed, found.rule) == (None, rule)
    assert found.explanation


def test_a_certain_refusal_wins_over_missing_data():
    assert verdict("exempt", "v3.2", status="ignored", agent_type="").rule == "status"
    assert verdict("fetch_agent_log", agent_type="", agent_version="7.6.60.0").allowed is False


def test_a_rule_of_another_version_makes_a_verdict_uncertain():
    old_agent = {"agent_version": "7.6.60.0"}
    assert verdict("fetch_agent_log", "v3.1", **old_agent).allowed is False
    assert verdict("fetch_agent_log", "v3.3", **old_agent).allowed is None


def test_an_action_without_rules_needs_no_fresh_data():
    assert verdict("delete", read_at=None).allowed is True


def test_a_kind_that_the_version_does_not_offer_is_refused():
    assert verdict("fetch_agent_log", "v3").rule == "version"


def test_versions_are_compared_as_numbers():
    assert verdict("fetch_agent_log", agent_version="7.10.0").allowed is True
    assert verdict("fetch_agent_log", agent_version="7.6.231").allowed is True
    assert verdict("fetch_agent_log", agent_version="7.6.99.9").allowed is False


def test_each_rule_has_one_text_for_a_kind_and_version():
    texts: dict[tuple[str, str, str], set[str]] = {}
    for version, kind, status, agent, system, number in product(
        VERSIONS, KINDS, (*STATUSES, ""), (*AGENTS, ""), (*SYSTEMS, ""), ("7.6.60.0", "15.1.1.1")
    ):
        data = {"status": status, "agent_type": agent, "os_family": system}
        found = verdict(kind, version, **data, agent_version=number)
        texts.setdefault((version, kind, found.rule), set()).add(found.explanation)
    assert all(len(each) == 1 for each in texts.values())
