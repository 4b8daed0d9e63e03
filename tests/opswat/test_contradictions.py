"""An object that names a field twice states neither value: nothing is concluded from it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.opswat.errors import Unconfirmed
from actions.opswat.responses import Body
from tests.opswat.hostile import HostileServer, reply
from tests.opswat.parts import METHODS, make_client


def answered(method: str, body: bytes):
    with HostileServer(reply(200, body)) as server:
        return METHODS[method](make_client(server.url)).value


@pytest.mark.parametrize(
    "row",
    [
        *(b'"id": "d1", "status": -1, "status": 1', b'"id": "d1", "status": 1, "status": 0'),
        *(b'"id": "d1", "status": 1, "status": null', b'"status": 1, "id": "d2", "id": "d1"'),
        b'"id": "d1", "status": 1, "status": true',
    ],
)
def test_a_result_that_is_stated_twice_is_no_result(row):
    result = answered("device_action", b'[{%s}, {"id": "d2", "status": 0}]' % row)
    assert result.results["d2"].status == 0
    assert "d1" not in result.results or result.results["d1"].status is None


def test_the_same_value_twice_is_that_value():
    result = answered("device_action", b'[{"id": "d1", "status": 1, "status": 1, "id": "d1"}]')
    assert result.results["d1"].status == 1


def test_an_end_that_is_stated_twice_is_no_end_of_the_list():
    with pytest.raises(Unconfirmed, match="next page"):
        answered("list_devices", b'{"devices": [], "next_token": "a", "next_token": ""}')


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from([1, True, 0, "1", None, 1.0]))))
def test_only_what_is_stated_once_or_alike_is_read(pairs):
    text = ",".join(f"{json.dumps(key)}:{json.dumps(value)}" for key, value in pairs)
    body = Body(10_000)
    body.feed(f"{{{text}}}".encode())
    stated = {key: {json.dumps(value) for name, value in pairs if name == key} for key, _ in pairs}
    expected = {
        key: json.loads(*values) if len(values) == 1 else {} for key, values in stated.items()
    }
    found = body.json()[1]
    assert json.dumps(found, sort_keys=True) == json.dumps(expected, sort_keys=True)
