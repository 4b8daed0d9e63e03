"""A result that the database refuses settles its call with the cause, and the line goes on."""

from datetime import timedelta

import pytest
from django.db import connection
from django.utils.timezone import now

from actions.action_requests.models import DeviceCommand
from actions.action_requests.states import CommandStatus as S
from actions.dispatch import claims, dispatcher, sweeper
from actions.inventory.models import InventorySync
from actions.inventory.sync import start_sync
from actions.ratelimit.models import VendorAccount, VendorCall
from actions.ratelimit.states import CallState
from tests.factories import know_devices, make_request, statuses
from tests.scripted import pages, rows

pytestmark = pytest.mark.django_db


def refuse(table: str, event: str, condition: str) -> None:
    """Let the database refuse rows of this table."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute(
                f"CREATE TRIGGER refuse_it BEFORE {event} ON {table} WHEN {condition} "
                "BEGIN SELECT RAISE(ABORT, 'refused by the test'); END"
            )
            return
        cursor.execute(
            "CREATE FUNCTION refuse_it() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'refused by the test'; END $$"
        )
        cursor.execute(
            f"CREATE TRIGGER refuse_it BEFORE {event} ON {table} FOR EACH ROW "
            f"WHEN ({condition}) EXECUTE FUNCTION refuse_it()"
        )


def accept_again(table: str) -> None:
    with connection.cursor() as cursor:
        on = "" if connection.vendor == "sqlite" else f" ON {table}"
        cursor.execute(f"DROP TRIGGER refuse_it{on}")


def end_pause() -> None:
    VendorAccount.objects.update(open_until=now() - timedelta(seconds=1))


COMMANDS = "actions_devicecommand"


@pytest.mark.parametrize(("kind", "status"), [("delete", S.UNCONFIRMED), ("unexempt", S.QUEUED)])
def test_case_30_an_answer_that_cannot_be_recorded_settles_its_call(
    operator, scripted, kind, status
):
    know_devices("a", "b")
    action_request = make_request(operator, "a", kind=kind)
    refuse(COMMANDS, "UPDATE", "NEW.status = 'accepted'")
    dispatcher.step()

    assert dispatcher.step() == 0.0

    call = VendorCall.objects.get(api="action")
    assert call.state == CallState.FAILED
    assert "could not be recorded" in call.detail
    assert statuses(action_request) == {"a": status}
    assert "could not be recorded" in action_request.commands.get().detail
    assert "could not be recorded" in VendorAccount.objects.get().open_reason
    accept_again(COMMANDS)
    end_pause()
    other = make_request(operator, "b", kind="exempt")
    dispatcher.dispatch(5.0, alone=True)
    assert statuses(other) == {"b": S.ACCEPTED}


def test_a_token_that_cannot_be_stored_pauses_and_is_told(operator, scripted):
    know_devices("a")
    action_request = make_request(operator, "a")
    refuse("actions_vendoraccount", "UPDATE", "NEW.token_encrypted <> ''")

    assert dispatcher.step() == 0.0

    assert not VendorCall.objects.filter(state=CallState.SENDING).exists()
    assert "could not be recorded" in VendorAccount.objects.get().open_reason
    accept_again("actions_vendoraccount")
    end_pause()
    dispatcher.dispatch(5.0, alone=True)
    assert statuses(action_request) == {"a": S.ACCEPTED}


def test_a_page_that_cannot_be_stored_is_asked_for_again_and_then_given_up(operator, scripted):
    scripted.answers["devices"] = pages({"": {"devices": rows("a"), "next_token": ""}})
    sync, _ = start_sync(operator)
    refuse("actions_device", "INSERT", "NEW.vendor_id = 'a'")

    for _ in range(10):
        dispatcher.step()
        end_pause()
        VendorCall.objects.update(holds_until=now() - timedelta(seconds=1))
        InventorySync.objects.filter(running=True).update(due_at=now() - timedelta(seconds=1))

    sync.refresh_from_db()
    assert (sync.stage, sync.running) == ("failed", False)
    assert "could not be recorded" in sync.detail


def test_commands_whose_call_ended_without_them_are_settled_by_the_sweeper(operator, scripted):
    know_devices("a")
    action_request = make_request(operator, "a", kind="delete")
    refuse(COMMANDS, "UPDATE", "OLD.status = 'sending'")
    dispatcher.step()
    dispatcher.step()
    assert statuses(action_request) == {"a": S.SENDING}
    assert not VendorCall.objects.filter(state=CallState.SENDING).exists()
    accept_again(COMMANDS)
    VendorCall.objects.update(replied_at=now() - timedelta(minutes=2))

    sweeper.sweep()

    assert statuses(action_request) == {"a": S.UNCONFIRMED}


def test_a_call_whose_work_cannot_be_settled_does_not_stop_the_sweeper(operator, scripted):
    know_devices("a", "b")
    first = make_request(operator, "a", kind="delete")
    dispatcher.step()
    claims.claim()
    VendorCall.objects.update(lease_until=now() - timedelta(seconds=1))
    refuse(COMMANDS, "UPDATE", "OLD.status = 'sending'")

    assert sweeper.sweep() == 1

    assert not VendorCall.objects.filter(state=CallState.SENDING).exists()
    assert statuses(first) == {"a": S.SENDING}
    accept_again(COMMANDS)
    sweeper.sweep()
    assert DeviceCommand.objects.get().status == S.UNCONFIRMED
