"""The gate: never more requests than places, and a place for everybody in turn."""

import asyncio
from collections.abc import Coroutine
from contextlib import ExitStack
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.server.gate import Gate, Visit
from dashboard.server.refusals import Refused
from tests.server.loops import in_a_loop


def scope(address: str, session: str = "") -> dict[str, Any]:
    cookie = [(b"cookie", f"session={session}".encode())] if session else []
    return {"client": (address, 1), "headers": cookie}


class Crowd:
    """Requests at a gate; each runs until the test ends it."""

    def __init__(self, gate: Gate) -> None:
        self.gate, self.stack = gate, ExitStack()
        self.tasks: dict[Visit, asyncio.Task[None]] = {}

    async def add(self, address: str, session: str = "") -> Visit:
        visit = self.stack.enter_context(self.gate.visit(scope(address, session)))
        self.tasks[visit] = asyncio.create_task(self.gate.enter(visit))
        await asyncio.sleep(0)
        return visit

    def running(self) -> list[Visit]:
        return [visit for visit in self.tasks if visit.runs]

    async def close(self) -> None:
        for task in self.tasks.values():
            task.cancel()
        await asyncio.gather(*self.tasks.values(), return_exceptions=True)
        self.stack.close()


def run(work: Coroutine[Any, Any, None]) -> None:
    in_a_loop(work)


def test_one_person_gets_half_of_the_places_and_another_one_goes_first() -> None:
    async def work() -> None:
        gate = Gate(4, 1000)
        crowd = Crowd(gate)
        many = [await crowd.add("10.0.0.1", "viewer") for _ in range(100)]
        assert crowd.running() == many[:2]
        operator = [await crowd.add("10.0.0.1", "operator") for _ in range(2)]
        assert crowd.running() == [*many[:2], *operator]
        late = await crowd.add("10.0.0.2", "auditor")
        assert late not in crowd.running()
        gate.give_back(many[0])
        assert late in crowd.running()
        await crowd.close()
        assert (gate.taken, gate.waiting, +gate.running, +gate.open) == (0, [], {}, {})

    run(work())


def test_made_up_sessions_at_one_address_do_not_delay_another_address() -> None:
    async def work() -> None:
        gate = Gate(4, 1000)
        crowd = Crowd(gate)
        made_up = [await crowd.add("10.6.6.6", f"made-up-{number}") for number in range(100)]
        person = await crowd.add("10.0.0.1", "operator")
        gate.give_back(made_up[0])
        assert person.runs
        await crowd.close()

    run(work())


def test_a_request_waits_for_a_bounded_time(settings: Any) -> None:
    settings.WEB_WAIT_SECONDS = 0.01

    async def work() -> None:
        gate = Gate(1, 1000)
        crowd = Crowd(gate)
        await crowd.add("10.0.0.1")
        late = await crowd.add("10.0.0.2")
        with pytest.raises(Refused) as refused:
            await crowd.tasks[late]
        assert refused.value.status == 503
        await crowd.close()

    run(work())


def test_a_client_has_at_most_a_quarter_of_the_open_requests() -> None:
    async def work() -> None:
        crowd = Crowd(Gate(4, 40))
        for _ in range(10):
            await crowd.add("10.0.0.1", "viewer")
        with pytest.raises(Refused):
            await crowd.tasks[await crowd.add("10.0.0.1", "viewer")]
        operator = await crowd.add("10.0.0.1", "operator")
        assert operator in crowd.running()
        await crowd.close()

    run(work())


@given(
    places=st.integers(1, 6),
    moves=st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3), st.booleans()), max_size=60),
)
def test_there_are_never_more_than_the_places_and_none_is_free_while_a_client_may_enter(
    places: int, moves: list[tuple[int, int, bool]]
) -> None:
    async def work() -> None:
        gate = Gate(places, 1000)
        crowd = Crowd(gate)
        for address, session, leaves in moves:
            if leaves and crowd.running():
                gate.give_back(crowd.running()[session % len(crowd.running())])
            else:
                await crowd.add(f"10.0.0.{address}", f"s{session}")
            running = crowd.running()
            assert len(running) == gate.taken <= places
            shares = [sum(each.client == one.client for each in running) for one in gate.waiting]
            assert gate.taken == places or all(share == gate.share for share in shares)
        for visit in list(crowd.tasks):
            gate.give_back(visit)
        assert (gate.taken, gate.waiting, +gate.running) == (0, [], {})
        await crowd.close()

    run(work())
