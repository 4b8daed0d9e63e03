"""What is typed into the name field of the sign-in page is stored nowhere, unless it is a name."""

import io
import itertools
import json
import logging
from typing import Any
from urllib.parse import quote

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from actions.trail.models import AuditEvent, RefusalCount
from dashboard.log_formatter import OneLine
from dashboard.models import User
from tests.factories import PASSWORD, make_person

pytestmark = pytest.mark.django_db


WRONG = "not the right one"
_numbers = itertools.count()


def sign_in(name: str, password: str = WRONG) -> Any:
    # An address for each try: a limit on an address must not keep a name from being looked at.
    number = next(_numbers)
    address = f"10.1.{number // 250}.{number % 250}"
    form = {"login": name, "password": password}
    return Client().post(reverse("account_login"), form, REMOTE_ADDR=address)


def last_line() -> AuditEvent:
    return AuditEvent.objects.filter(verb="person.sign_in_failed").latest("pk")


@pytest.mark.parametrize("typed", ["operator", "OPERATOR", "Operator", "oPERATOR"])
def test_m5_each_spelling_of_a_name_has_the_person_as_its_subject(typed):
    make_person("operator", "operator")
    sign_in(typed)
    line = last_line()
    assert (line.subject, line.actor, line.role) == ("operator", "operator", "operator")
    assert line.data["problems"] == {"": ["wrong password"]}
    assert line.user_id == User.objects.get().pk


def test_m5_an_inactive_person_with_the_right_password_is_told_apart_in_the_trail_only():
    User.objects.filter(pk=make_person("ina", "viewer").pk).update(is_active=False)
    sign_in("ina", PASSWORD)
    assert "wrong password" not in json.dumps(last_line().data)
    assert last_line().subject == "ina"


def test_m5_an_unknown_name_is_stored_as_a_digest_and_its_length():
    sign_in("Tr0ub4dor&3-is-my-password")
    sign_in("TR0UB4DOR&3-is-my-password")
    first, second = AuditEvent.objects.filter(verb="person.sign_in_failed")
    assert first.subject == second.subject
    assert first.subject.startswith("unknown:")
    assert first.data["name_length"] == len("Tr0ub4dor&3-is-my-password")
    assert (first.role, first.user_id) == ("", None)


def stored_texts() -> str:
    """All texts in all rows of the database, except sessions."""
    texts = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            if table != "django_session":
                cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")  # noqa: S608
                texts += [str(value) for row in cursor.fetchall() for value in row]
    return "\n".join(texts)


@hypothesis_settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.text(min_size=6, max_size=80).map(lambda text: f"S3cret{text}"))
@example("S3cret\x00null")
@example("S3cret' OR 1=1 --")
@example("S3cret" + "x" * 400)
@example("S3cret\ud83d\ude00")
def test_m5_no_text_typed_as_a_name_is_in_the_trail_or_the_log(typed):
    RefusalCount.objects.all().delete()  # So that each try leaves a line.
    log = io.StringIO()
    handler = logging.StreamHandler(log)
    handler.setFormatter(OneLine())
    logging.getLogger().addHandler(handler)
    try:
        sign_in(typed.encode("utf-8", "surrogatepass").decode("utf-8", "replace"))
    finally:
        logging.getLogger().removeHandler(handler)

    kept = stored_texts() + log.getvalue()
    assert "s3cret" not in kept.casefold()
    assert quote("S3cret") not in kept
