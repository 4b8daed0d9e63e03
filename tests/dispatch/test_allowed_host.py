"""With an address that is not allowed the dispatcher claims nothing and sends nothing."""

import pytest

from actions.action_requests.states import CommandStatus as S
from actions.dispatch import dispatcher
from actions.ratelimit.models import VendorCall
from tests.factories import enrol, make_request, statuses

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("token", ["before the first token", "with a stored token"])
def test_h6_work_stays_queued_while_the_settings_name_a_host_that_is_not_allowed(
    operator, vendor, send_due, settings, token
):
    enrol(vendor, "kiosk", "laptop")
    if token == "with a stored token":
        make_request(operator, "laptop")
        send_due()
    action_request = make_request(operator, "kiosk")
    calls, address = VendorCall.objects.count(), settings.OPSWAT_BASE_URL

    settings.OPSWAT_BASE_URL = "https://attacker.example"
    with pytest.raises(ValueError, match="not among"):
        send_due()

    assert statuses(action_request) == {"kiosk": S.QUEUED}
    assert VendorCall.objects.count() == calls

    settings.OPSWAT_BASE_URL = address
    send_due()
    assert statuses(action_request) == {"kiosk": S.ACCEPTED}


def test_the_hosts_of_opswat_allowed_hosts_are_allowed(settings):
    settings.OPSWAT_BASE_URL = "https://eu.example.com"
    with pytest.raises(ValueError, match="not among"):
        dispatcher.vendor_client()

    settings.OPSWAT_ALLOWED_HOSTS = ["eu.example.com"]
    dispatcher.vendor_client()
