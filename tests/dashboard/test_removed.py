"""The address of a request or a log that retention has removed says so."""

from uuid import uuid4

import pytest

from actions.retention import run
from tests.factories import accept_fetches, know_devices, make_request
from tests.retention.test_retention import age

pytestmark = pytest.mark.django_db(transaction=True)


def test_h9_the_pages_of_a_removed_request_say_what_became_of_it(signed_in, operator):
    know_devices("a")
    made = make_request(operator, "a", kind="fetch_agent_log")
    [log] = accept_fetches(made)
    age(made)
    made.agent_logs.update(status="expired", open=False)
    run.run()
    text = "removed by retention 400 days after its end (REQUESTS_KEEP_DAYS)"
    path = f"/requests/{made.uuid}/"

    for answer in (signed_in.get(path), signed_in.get(f"{path}logs/")):
        assert answer.status_code == 404
        assert f"This request was {text}" in answer.text
    assert signed_in.post(f"{path}control/", {"verb": "pause"}).status_code == 404
    assert signed_in.get("/devices/").status_code == 200
    assert signed_in.get(f"/audit/?request={made.uuid}").status_code == 200
    assert "Request submitted" in signed_in.get(f"/audit/?request={made.uuid}").text
    assert "There is no such request." in signed_in.get(f"/requests/{uuid4()}/").text
    answer = signed_in.get(f"/logs/{log.uuid}/")
    assert answer.status_code == 404
