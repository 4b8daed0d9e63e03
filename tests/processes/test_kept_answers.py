"""An answer of the vendor is kept until it is stored, however long the database is away."""

from collections.abc import Iterator

import pytest

from tests.processes.installation import Installation, Process
from tests.processes.outage import Outage, let_pass

KINDS = {"delete": "struck", "dhcprenew": "renewed", "fetch_agent_log": "logged"}

LONG = {"OPSWAT_TIMEOUT": "2/20", "ENGINE_RUN_SECONDS": "10", "ENGINE_GRACE_SECONDS": "10"}
"""A lease of 52 s: run 10, connect 2, read 20 and twice the grace of 10."""

SHORT = {"OPSWAT_TIMEOUT": "2/8", "ENGINE_RUN_SECONDS": "2", "ENGINE_GRACE_SECONDS": "0.5"}
"""A lease of 13 s."""


@pytest.fixture
def outage(installation: Installation) -> Iterator[Outage]:
    installation.env["ENGINE_VERIFY_AFTER"] = "0"  # A read-back would find out by itself.
    for device_id in ("first", *KINDS.values()):
        installation.vendor.add_device(device_id=device_id)
    found = Outage(installation)
    yield found
    installation.stop()
    found.close()


def is_asked(installation: Installation, kind: str) -> bool:
    return any(
        call.api == "action" and (call.body or {}).get("types") == kind
        for call in installation.vendor.received
    )


def send(installation: Installation, kinds: dict[str, str]) -> list[Process]:
    """Start a dispatcher for each kind; return once the vendor has received all the calls."""
    installation.submit("unexempt", "first")
    assert installation.manage("dispatch", "--seconds", "3").returncode == 0
    for kind, device in kinds.items():
        installation.submit(kind, device)
    for _ in kinds:
        installation.vendor.fault("slow", api="action", seconds=7)
    found = [installation.spawn_manage("dispatch", "--seconds", "6") for _ in kinds]
    installation.wait_until(lambda: all(is_asked(installation, kind) for kind in kinds), 30)
    return found


def stored(installation: Installation) -> dict[str, tuple[str, bool]]:
    query = (
        "SELECT target, status, vendor_status FROM actions_devicecommand WHERE target <> 'first'"
    )
    return {target: (status, bool(found)) for target, status, found in installation.rows(query)}


def check(installation: Installation, kinds: dict[str, str]) -> None:
    """Each command was done once, answered once and its command ID is known."""
    assert installation.rows("SELECT state FROM actions_vendorcall WHERE state <> 'answered'") == []
    for kind, device in kinds.items():
        assert installation.vendor.applied[kind, device] == 1
        assert (
            len([c for c in installation.vendor.received if (c.body or {}).get("types") == kind])
            == 1
        )
    if "fetch_agent_log" in kinds:  # The simulator gives the other kinds no command ID.
        query = "SELECT command_id FROM actions_devicecommand WHERE target = 'logged'"
        assert installation.rows(query)[0][0].startswith("c")
    verified = installation.manage("audit_verify")
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert list((installation.folder / "answers").glob("*")) == []


def test_m3_an_answer_is_stored_although_the_database_is_away_for_half_a_minute(
    installation: Installation, outage: Outage
) -> None:
    installation.env |= LONG
    send(installation, KINDS)

    with outage.away():
        let_pass(30)

    expected = dict.fromkeys(KINDS.values(), ("accepted", True))
    installation.wait_until(lambda: stored(installation) == expected, 40)
    check(installation, KINDS)


@pytest.mark.parametrize("kind", ["dhcprenew", "fetch_agent_log"])
@pytest.mark.parametrize("killed", [True, False])
def test_m3_an_answer_is_stored_by_the_next_sweep_after_its_lease(
    installation: Installation, outage: Outage, kind: str, killed: bool
) -> None:
    kinds = {kind: KINDS[kind]}
    installation.env |= SHORT
    processes = send(installation, kinds)
    kept = installation.folder / "answers"

    with outage.away():
        installation.wait_until(lambda: list(kept.glob("[!.]*")), 20)
        if killed:
            for process in processes:
                installation.kill(process)
        let_pass(14)

    if not killed:
        for process in processes:
            process.wait(60)
    assert installation.manage("dispatch", "--seconds", "1").returncode == 0
    assert stored(installation) == {KINDS[kind]: ("accepted", True)}
    check(installation, kinds)
