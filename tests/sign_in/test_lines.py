"""What the audit trail tells of failed sign-ins, and of locks."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils.timezone import now

from actions.dispatch import sweeper
from actions.trail import ceilings
from actions.trail.models import AuditEvent
from actions.trail.verbs import Verb
from dashboard.models import KnownPlace, SignInCounter
from dashboard.sign_in import guard
from tests.factories import PASSWORD
from tests.sign_in.conftest import is_refused, sign_in

pytestmark = pytest.mark.django_db


def verbs() -> list[str]:
    return list(AuditEvent.objects.order_by("pk").values_list("verb", flat=True))


def test_h3_a_lock_is_one_line_and_refused_tries_are_a_number(person, travel):
    for _ in range(guard.FREE_TRIES + 20):
        sign_in(Client(), "wrong", REMOTE_ADDR="203.0.113.5")
    assert verbs() == ["person.sign_in_failed"] * guard.FREE_TRIES + ["person.locked"]
    line = AuditEvent.objects.get(verb="person.locked")
    assert (line.subject, line.user_id, line.address) == ("oscar", person.pk, "203.0.113.5")

    travel.move_to(now() + guard.LONGEST_WAIT)
    sign_in(Client(), REMOTE_ADDR="203.0.113.5")
    last = AuditEvent.objects.latest("pk")
    assert (last.verb, last.data["further_tries"]) == ("person.signed_in", 20)


def test_h3_strangers_cannot_fill_the_trail(person, travel, monkeypatch):
    monkeypatch.setattr(ceilings, "STRANGERS", 10)
    for number in range(60):
        sign_in(Client(), "wrong", name=f"nobody{number}")
    assert len(verbs()) == 10
    for _ in range(20):
        sign_in(Client(), "wrong")  # The lines of a user have no ceiling.
    assert verbs()[10:] == ["person.sign_in_failed"] * guard.FREE_TRIES + ["person.locked"]

    travel.move_to(now() + timedelta(hours=25))
    sweeper.sweep()
    ceilings.tell_counted()
    user = AuditEvent.objects.filter(verb="person.sign_in_failed").latest("pk")
    assert (user.subject, user.data["further_tries"]) == ("oscar", 15)
    strangers = AuditEvent.objects.get(verb=Verb.FURTHER_REFUSED)
    assert strangers.data["further"] == 50
    before = len(verbs())
    sweeper.sweep()
    ceilings.tell_counted()
    assert len(verbs()) == before


def test_m5_a_password_typed_into_the_name_field_is_stored_nowhere(person):
    sign_in(Client(), "x", name=PASSWORD)
    sign_in(Client(), "x", name=PASSWORD.upper())
    found = AuditEvent.objects.order_by("pk").values_list("actor", "subject", "search_text", "data")
    assert PASSWORD not in str(list(found)).casefold()
    assert PASSWORD not in str(list(SignInCounter.objects.values_list("name", "place")))
    one, other = found
    assert one[1] == other[1] != "unknown"
    assert one[3]["name_length"] == len(PASSWORD)


def test_m5_every_spelling_of_a_users_name_is_told_as_that_user(person):
    for name in ("OSCAR", "ｏｓｃａｒ", " oscar "):
        sign_in(Client(), "wrong", name=name)
    found = AuditEvent.objects.values_list("subject", "user_id")
    assert set(found) == {("oscar", person.pk)}


def test_unlock_person_lets_a_user_sign_in_at_once_and_is_recorded(person):
    for _ in range(guard.FREE_TRIES):
        sign_in(Client(), "wrong")
    assert is_refused(sign_in(Client()))
    told = StringIO()
    call_command("unlock_person", "Oscar", stdout=told)
    assert told.getvalue() == "oscar was slowed down and can sign in now.\n"
    assert sign_in(Client()).status_code == 302
    line = AuditEvent.objects.get(verb="person.unlocked")
    assert (line.subject, line.source, line.data["count"]) == ("oscar", "command", 1)
    with pytest.raises(CommandError, match="no user"):
        call_command("unlock_person", "nobody")


def test_expired_counters_and_places_are_removed(person, travel):
    sign_in(Client())
    sign_in(Client(), "wrong", REMOTE_ADDR="203.0.113.5")
    travel.move_to(now() + guard.KNOWN_FOR + timedelta(seconds=1))
    sweeper.sweep()
    assert not SignInCounter.objects.exists()
    assert not KnownPlace.objects.exists()
