"""Notices at the top of every page."""

import pytest

from actions.dispatch import dispatcher
from tests.factories import enrol, make_request


@pytest.mark.django_db
def test_refused_credentials_show_a_notice_on_every_page(
    signed_in, operator, vendor, send_due, settings
):
    settings.OPSWAT_RATE_LIMIT = (1000, 0.5)
    enrol(vendor, "kiosk")
    make_request(operator, "kiosk")
    secret = settings.OPSWAT_CLIENT_SECRET
    settings.OPSWAT_CLIENT_SECRET = "not the secret"
    dispatcher.dispatch(0.2, alone=True)

    page = signed_in.get("/devices/").text
    settings.OPSWAT_CLIENT_SECRET = secret
    send_due()

    assert "does not accept this console&#x27;s credentials" in page
    assert "OPSWAT_CLIENT_SECRET" in page
    assert "credentials" not in signed_in.get("/devices/").text


@pytest.mark.django_db
def test_an_expired_token_shows_no_notice(signed_in, operator, vendor, send_due):
    enrol(vendor, "kiosk")
    vendor.fault("expired_token", api="action")
    make_request(operator, "kiosk")
    dispatcher.step()  # The token.
    dispatcher.step()  # The vendor calls it expired.

    assert "credentials" not in signed_in.get("/devices/").text
