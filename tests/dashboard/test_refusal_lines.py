"""Every refused request leaves exactly one line of the trail, up to a ceiling."""

import http.client
import json
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.utils.timezone import now

from actions.action_requests.models import ActionRequest
from actions.action_requests.submit import check_submission, submit_action
from actions.actor import Actor
from actions.agent_logs.models import AgentLog
from actions.audit import maintenance
from actions.errors import Refused
from actions.inventory.models import Device
from actions.selections.choose import choose_devices
from actions.selections.list_parser import Row
from actions.selections.uploads import keep_list
from actions.trail import ceilings
from actions.trail.models import AuditEvent, RefusalCount
from actions.trail.verbs import Verb
from dashboard.device_list import saved_views
from dashboard.models import User
from dashboard.refusal_lines import REFUSED, RefusalLineMiddleware
from tests.dashboard.conftest import Visitor, form_token
from tests.dashboard.test_compose import form_data
from tests.dashboard.walk import address, url_names
from tests.factories import accept_fetches, know_devices, make_request, make_submission

pytestmark = pytest.mark.django_db

ROLES = ("", "viewer", "helpdesk", "operator", "auditor")
METHODS = ("get", "head", "post", "put", "options")
EVIL = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}


@pytest.fixture
def token(operator: Actor) -> UUID:
    know_devices("kiosk")
    request = make_request(operator, "kiosk", kind="fetch_agent_log")
    accept_fetches(request)
    return request.uuid


@pytest.fixture
def anothers(operator: Actor, token: UUID) -> dict[str, UUID]:
    """What belongs to the operator Oscar, by the name of the URL that shows it."""
    owner = User.objects.get(username=operator.name)
    view = saved_views.save(owner, operator, name="Kiosks", query="q=kiosk", shared=False)
    uploaded = keep_list([Row(1, ["kiosk"])], operator)
    return {
        "device_view": view.uuid,
        "change_device_view": view.uuid,
        "uploaded_list": uploaded.uuid,
        "uploaded_list_lines": uploaded.uuid,
    }


def refusals() -> list[str]:
    lines = AuditEvent.objects.filter(verb__endswith="refused").order_by("id")
    return list(lines.values_list("verb", flat=True))


def send(client: Client, method: str, url: str, **options: Any) -> tuple[int, list[str]]:
    """Send a request as if it were the first of its minute; return status and new refusals."""
    RefusalCount.objects.all().delete()
    before = len(refusals())
    status = getattr(client, method)(url, **options).status_code
    return status, refusals()[before:]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("role", ROLES)
def test_m5_each_refused_answer_leaves_one_line(role, method, visit: Visitor, token, anothers):
    client = visit(role)
    for name in url_names():
        status, lines = send(client, method, address(name, anothers.get(name, token)))

        by_rights = status == 404 and name in anothers and bool(role)
        assert (name, len(lines)) == (name, 1) if status in REFUSED or by_rights else True
        assert len(lines) <= 1, name
        assert role or not lines, name


@pytest.mark.parametrize(("method", "headers"), [("post", {}), ("post", EVIL), ("delete", {})])
@pytest.mark.parametrize("role", ROLES)
def test_m5_a_form_of_another_site_leaves_one_line(role, method, headers, visit, token):
    client = visit(role, enforce_csrf_checks=True)
    for name in url_names():
        url = address(name, token)

        status, lines = send(client, method, url, headers=headers)

        assert (name, status, lines) == (name, 403, ["page.refused"])
        line = AuditEvent.objects.latest("pk")
        assert (line.actor, line.role) == (role or "unknown visitor", role)
        assert (line.subject, line.data["codes"]) == (url, ["form_not_valid"])
        assert line.data["method"] == method.upper()


@pytest.mark.parametrize("verb", ["", "ASK", "stop "])
def test_m5_an_unknown_control_of_a_log_leaves_one_line(visit: Visitor, operator, token, verb):
    log = AgentLog.objects.get()
    url = f"/logs/{log.uuid}/control/"
    assert send(visit("helpdesk"), "post", url, data={"verb": verb}) == (
        302,
        ["log.control_refused"],
    )


@pytest.mark.parametrize("step", ["review", "send"])
@pytest.mark.parametrize("case", ["stolen", "made up", "cut", "missing"])
def test_h2_a_form_token_that_was_not_issued_here_leaves_one_line(visit, devices, case, step):
    thief, owner = visit("helpdesk"), visit("operator")
    tokens = {"stolen": form_token(owner), "made up": f"{uuid4()}:x", "missing": ""}
    token = tokens.get(case, form_token(thief)[:-1])
    data = form_data(thief, devices, owner="helpdesk", form_token=token, step=step)

    assert send(thief, "post", "/requests/new/", data=data) == (422, ["page.refused"])

    assert AuditEvent.objects.latest("pk").data["codes"] == ["form_not_valid"]
    assert not ActionRequest.objects.exists()


M5: dict[str, tuple[str, str, str, dict[str, Any]]] = {
    "audit": ("viewer", "get", "/audit/", {}),
    "logs": ("viewer", "get", "/logs/", {}),
    "log download": ("viewer", "get", "/logs/{log}/download/", {}),
    "log control": ("viewer", "post", "/logs/{log}/control/", {"verb": "stop"}),
    "compose": ("viewer", "get", "/requests/new/", {}),
    "full read": ("viewer", "post", "/inventory/syncs/", {}),
    "foreign selection": ("helpdesk", "get", "/requests/new/?selection={selection}", {}),
    "foreign view": ("viewer", "post", "/devices/views/{view}/change/", {"verb": "drop"}),
    "review over the limit": ("helpdesk", "post", "/requests/new/", {"devices": 11}),
    "review of a forbidden kind": ("helpdesk", "post", "/requests/new/", {"kind": "delete"}),
}


@pytest.mark.parametrize("case", M5)
def test_m5_each_refusal_of_the_review_leaves_one_line(case, visit, token, anothers, operator):
    role, method, url, form = M5[case]
    client = visit(role)
    kept = {
        "log": address("agent_log", token).split("/")[-2],
        "view": anothers["device_view"],
        "selection": choose_devices(Device.objects.all(), operator).uuid,
    }
    if "new" in url and method == "post":
        know_devices(*(f"device-{number}" for number in range(form.get("devices", 1))))
        person = User.objects.get(username=role)
        actor = Actor(role, person.role, "page", user_id=person.pk)  # type: ignore[arg-type]
        selection = choose_devices(Device.objects.exclude(vendor_id="kiosk"), actor)
        form = {
            "selection": str(selection.uuid),
            "kind": form.get("kind", "unexempt"),
            "reason": "Maintenance",
            "form_token": form_token(client),
            "step": "review",
        }

    status, lines = send(client, method, url.format(**kept), data=form)

    assert status in {403, 404, 422}
    assert len(lines) == 1


@pytest.mark.parametrize("status", sorted(REFUSED))
def test_m5_any_refused_status_of_any_layer_leaves_one_line(status, operator):
    request = RequestFactory().post("/accounts/login/")
    RefusalLineMiddleware(lambda _: HttpResponse(status=status))(request)
    line = AuditEvent.objects.get(verb="page.refused")
    assert line.data["codes"] == ["too_many_requests" if status == 429 else "page_forbidden"]


def test_m5_strangers_write_up_to_a_ceiling_and_the_rest_is_told_as_a_number(client, travel):
    client = Client(enforce_csrf_checks=True)
    for number in range(70):
        client.post(f"/accounts/login/?{number}")
        client.post("/audit/checks/")
    assert refusals() == ["page.refused"] * ceilings.STRANGERS

    travel.move_to(now() + ceilings.SPAN)
    maintenance.run()
    maintenance.run()

    line = AuditEvent.objects.get(verb=Verb.FURTHER_REFUSED)
    assert line.data["further"] == 140 - ceilings.STRANGERS
    assert "120 further refusals of unknown visitors were not recorded one by one" in line.detail
    client.post("/audit/checks/")
    assert refusals()[-1] == "page.refused"


def test_the_number_is_told_by_the_next_refusal_if_no_worker_runs(travel):
    client = Client(enforce_csrf_checks=True)
    for _ in range(ceilings.STRANGERS + 2):
        client.post("/audit/checks/")
    travel.move_to(now() + timedelta(minutes=5))
    client.post("/audit/checks/")
    assert refusals()[-2:] == ["further.refused", "page.refused"]


def test_m5_a_persons_repeated_refusals_of_one_kind_are_counted_beyond_a_ceiling(visit, travel):
    client = visit("viewer")
    for _ in range(ceilings.PERSON + 9):
        assert client.get("/audit/").status_code == 403
    client.get("/logs/")
    assert len(refusals()) == ceilings.PERSON + 1

    travel.move_to(now() + ceilings.SPAN)
    ceilings.tell_counted()

    line = AuditEvent.objects.get(verb=Verb.FURTHER_REFUSED)
    assert (line.actor, line.role, line.data["further"]) == ("viewer", "viewer", 9)
    assert "9 further refusals of “Page refused”" in line.detail
    travel.move_to(now() + ceilings.KEPT)
    ceilings.tell_counted()
    assert not RefusalCount.objects.exists()


def test_h5_the_line_of_a_refused_request_of_the_whole_fleet_is_small(viewer):
    targets = [f"00000000-0000-0000-0000-{number:012}" for number in range(2029)]
    submission = make_submission(*targets)
    for service in (submit_action, check_submission):
        with pytest.raises(Refused):
            service(submission, viewer)

    for line in AuditEvent.objects.filter(verb=Verb.REQUEST_REFUSED):
        assert len(json.dumps(line.data)) < 2_000
        assert line.data["targets"] == targets[:10]
        assert line.data["targets_all"]["count"] == line.count == 2029
        assert len(line.data["targets_all"]["sha256"]) == 64


@pytest.mark.django_db(transaction=True)
def test_over_a_real_server_a_refused_page_leaves_one_line(port, cookie):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    for url in ("/audit/", "/logs/"):
        connection.request("GET", url, headers={"Cookie": cookie})
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 403
    connection.close()
    lines = AuditEvent.objects.filter(verb="page.refused").order_by("pk")
    assert [line.subject for line in lines] == ["/audit/", "/logs/"]
