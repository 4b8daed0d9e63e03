"""Any value of any parameter of any page gets an answer below 500, on both databases."""

import re
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import pytest
from django.urls import NoReverseMatch, reverse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from actions.actor import Actor
from actions.audit.query import NAMES as AUDIT_NAMES
from actions.devices.pagination import SORTS
from actions.devices.query import KEYS
from dashboard import views
from tests.dashboard.conftest import Visitor
from tests.dashboard.walk import address, url_names
from tests.factories import accept_fetches, know_devices, make_request

pytestmark = pytest.mark.django_db

LIST = (*KEYS, "too_long", "unticked", "sort", "size", "page", "before", "after")
LOG = ("q", "level", "line", "at", "file", "from")
PARAMETERS: dict[str, tuple[str, ...]] = {
    "devices": LIST,
    "device_count": KEYS,
    "device": ("tab",),
    "find_device": ("q",),
    "inventory": ("stop",),
    "compose": ("selection", "kind", "back"),
    "action_requests": ("whose", "kind", "before"),
    "action_request": ("v", "panel", "target", "status", "page"),
    "agent_logs": ("status", "device", "person", "before"),
    "agent_log": (*LOG, "panel"),
    "agent_log_download": ("file",),
    "action_request_logs": LOG,
    "vendor_calls": ("before",),
    "in_doubt": ("kind", "before"),
    "audit": (*AUDIT_NAMES, "click", "before"),
    "account_login": ("next",),
}
"""The parameters of each page; the others are asked with `OTHER`."""

NO_PARAMETERS = {
    *("just_sent", "group_id", "heading", "params", "problems", "Origin"),
    *("sheet", "hidden", "separator"),
}
"""Names in the views that the pattern of a test finds, though no address has them."""

PEOPLE = ("operator", "auditor")

OTHER = ("q", "page", "before", "next")

VALUES = (
    *("", "%00", "a%00b", "%%0000", "%ED%A0%80", "%FF%FE", "%F0%9F%92%A5", "%E2%80%AE", "%"),
    *("-1", "0", "1", "99999999999999999999", "1e9", "NaN", "%C2%B2", "%D9%A1", "1:", "1:%00"),
    *("0001-01-01", "9999-12-31", "10000-01-01", "2026-02-30", "over-9999d", "9999h", "never"),
    *("0001-01-01T00:00:00-23:59", "0001-01-01T00:00:00%2B23:59", "9999-12-31T23:59:59-23:59"),
    *("9999-12-31T23:59:59%2B23:59", "2026-01-01T00:00:00%2B00:00:01", "9999-12-31T24:00"),
    *("1:0001-01-01T00:00:00-23:59", "1:9999-12-31T23:59:59-23:59", "1:9999-12-31T00:00%2B23:59"),
    *("7.6", "99999999.99999999.99999999.99999999", "'%22", "%25s", "{0}", "*" * 300, "x" * 10_000),
    *("[]", "null", "//evil.example", "..%2F..%2Fetc", "00000000" * 4),
)


def test_the_parameters_of_all_pages_are_known() -> None:
    """A parameter that a view reads and that stands in no list here was not tried."""
    known = {name for names in PARAMETERS.values() for name in names}
    folder = Path(views.__file__).parent
    sources = [*folder.glob("*.py"), folder.parent / "agent_log_reader.py"]
    text = "\n".join(source.read_text() for source in sources)
    read = set(re.findall(r"(?:GET|get|given)(?:\.get)?[(\[]\"(\w+)\"", text))
    posted = set(re.findall(r"(?:POST|form)(?:\.get|\.getlist)?[(\[]\"(\w+)\"", text))
    assert read - posted - NO_PARAMETERS <= known
    assert set(PARAMETERS) <= set(url_names())


@pytest.fixture
def walker(visit: Visitor, operator: Actor) -> Any:
    """A function that GETs a query of a page as a role that sees it, and checks the answer."""
    know_devices("kiosk")
    fetch = make_request(operator, "kiosk", kind="fetch_agent_log")
    accept_fetches(fetch)
    others, auditor = (visit(role, raise_request_exception=False) for role in PEOPLE)

    def walk(name: str, query: str) -> None:
        client = auditor if name.startswith("audit") else others
        status = client.get(f"{address(name, fetch.uuid)}?{query}").status_code
        assert status < 500 or (status, name) == (501, "action_request_stream"), query[:200]

    return walk


@pytest.mark.parametrize("name", url_names())
def test_low_odd_values_in_each_parameter_of_each_page(name: str, walker: Any) -> None:
    own = PARAMETERS.get(name, OTHER)
    alike = {"severity", "type", "agent", "group"}  # The same code as "status".
    for value in VALUES:
        for key in PARAMETERS.get(name, ()):
            if name != "devices" or key not in alike:
                walker(name, f"{key}={value}")
        walker(name, "&".join(f"{key}={value}&{key}[]={value}&{key}={value}" for key in own))


@pytest.mark.parametrize("sort", [*SORTS, *(f"-{key}" for key in SORTS)])
def test_low_odd_cursors_in_each_order(sort: str, walker: Any) -> None:
    for value in VALUES:
        walker("devices", f"sort={sort}&before=1:{value}")
        walker("devices", f"sort={sort}&after=1:{value}")


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    name=st.sampled_from(sorted(PARAMETERS)),
    data=st.data(),
)
def test_any_values_of_several_parameters(name: str, data: st.DataObject, walker: Any) -> None:
    keys = data.draw(st.lists(st.sampled_from(PARAMETERS[name]), max_size=4))
    value = st.one_of(
        st.text(max_size=40),
        st.datetimes().map(str),
        st.datetimes(timezones=st.timezones()).map(lambda at: f"1:{at.isoformat()}"),
        st.integers().map(str),
        st.sampled_from(VALUES),
    )
    pairs = [f"{key}={quote(data.draw(value), safe='%')}" for key in keys]
    walker(name, "&".join(pairs))


@pytest.mark.parametrize("number", [0, 2**31, 2**63, 10**30])
def test_any_number_in_an_address(visit: Visitor, number: int) -> None:
    for client in (visit("operator"), visit("auditor")):
        client.raise_request_exception = False
        for name in url_names():
            for arguments in ([number], [uuid4()]):
                try:
                    path = reverse(name, args=arguments)
                except NoReverseMatch:
                    continue
                status = client.get(path).status_code
                assert status < 500 or status == 501, path
