"""Rules for new passwords."""

import random
import string

import pytest
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError

from dashboard.models import User

BAD = [
    "aaaaaaaaaaaa",
    " " * 12,
    "\u3000" * 12,
    "operatoroperator",
    "operator2026",
    "Operator-2026!",
    "0perat0r2026!!",
    "device-action",
    "Device Action 1",
    "Sommer2026!!",
    "Winter 2025/26",
    "herbst-2024-herbst",
    "MetaDefender#1",
    "abcabcabcabcabc",
    "abc1abc1abc1a",
    "123456789012",
    "abcdefghijkl",
    "qwertzuiop12",
    "oscar.operator1",
    "oscaroscar12",
    "helpdesk!helpdesk",
    "acme-corp-2026",
    "console.example",
]
GOOD = [
    "correct horse battery",
    "violet anchors hum at dusk",
    "x7!kQ2#pL9$z",
    "Kv3operatorZq8mTb1r",
]


@pytest.fixture(autouse=True)
def place(settings):
    settings.PASSWORD_WORDS = ["ACME", "corp"]
    settings.ALLOWED_HOSTS = ["console.example"]


@pytest.mark.parametrize("password", BAD)
def test_low_a_password_that_anybody_would_guess_is_refused(password):
    with pytest.raises(ValidationError):
        validate_password(password, User(username="oscar.meier"))


@pytest.mark.parametrize("password", GOOD)
def test_a_good_password_is_accepted(password):
    validate_password(password, User(username="oscar.meier"))


def test_random_passwords_are_accepted():
    source = random.Random(4711)
    signs = string.ascii_letters + string.digits + "!#$%&*+-"
    for _ in range(300):
        validate_password("".join(source.choices(signs, k=16)), User(username="oscar.meier"))


@pytest.mark.parametrize(
    "word", ["viewer", "auditor", "summer", "freitag", "opswat", "acme", "oscar"]
)
@pytest.mark.parametrize(
    "form", ["{}{}2026", "{}-2026-{}", "2026{}!{}!", "{}1234567{}", "{}{}!!!!!!"]
)
def test_no_decoration_makes_a_word_of_this_place_a_password(word, form):
    for one in (word, word.upper(), word.title()):
        with pytest.raises(ValidationError):
            validate_password(form.format(one, one), User(username="oscar.meier"))
