"""The checks that end every process whose settings could do harm."""

import secrets
from collections.abc import Callable
from typing import Any

import pytest
from django.core.checks import run_checks
from hypothesis import given
from hypothesis import strategies as st

from actions.audit.siem.targets import parse_target
from actions.checks import check_hosts, check_secret_key

KEY = secrets.token_urlsafe(50)


@pytest.fixture
def found(settings: Any) -> Callable[..., set[str]]:
    """Return a function that gives the ids of what the checks find with changed settings."""

    def ids(**changes: Any) -> set[str]:
        settings.SIMULATED = False
        settings.OPSWAT_CLIENT_ID = settings.OPSWAT_CLIENT_SECRET = "set"
        for name, value in changes.items():
            setattr(settings, name, value)
        problems = run_checks(include_deployment_checks=False)
        return {problem.id or "" for problem in problems if not problem.is_silenced()}

    return ids


BAD_KEYS = {
    "short": "x",
    "31 characters": KEY[:31],
    "blanks": " " * 60,
    "one letter": "A" * 60,
    "two letters": "ab" * 30,
    "repeated": "0123456789abcdef" * 4,
    "Django's example": "django-insecure-" + KEY,
    "an example": "please-change-this-to-a-long-random-value",
    "another example": "ChangeMe-ChangeMe-1234567890-abcdefgh",
    "a word for it": "this-is-my-secret-key-for-the-console-2026",
}


@pytest.mark.parametrize("key", BAD_KEYS.values(), ids=BAD_KEYS.keys())
@pytest.mark.parametrize("simulated", [True, False])
def test_h6_a_key_that_can_be_guessed_is_refused(settings, key, simulated):
    settings.SIMULATED, settings.SECRET_KEY = simulated, key
    [error] = check_secret_key()
    assert error.id == "actions.E021"
    assert len(key) == 1 or key not in f"{error.msg} {error.hint}"


@pytest.mark.parametrize("key", BAD_KEYS.values(), ids=BAD_KEYS.keys())
def test_h7_a_former_key_that_can_be_guessed_is_refused(settings, key):
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = secrets.token_hex(), [secrets.token_hex()]
    assert check_secret_key() == []
    settings.SECRET_KEY_FALLBACKS.append(key)
    [error] = check_secret_key()
    assert error.id == "actions.E025"
    assert len(key) == 1 or key not in f"{error.msg} {error.hint}"


@pytest.mark.parametrize(
    "make",
    [lambda: secrets.token_hex(16), lambda: secrets.token_urlsafe(24), secrets.token_hex],
    ids=["32 hex digits", "32 of base64", "64 hex digits"],
)
def test_random_keys_are_accepted(settings, make):
    for _ in range(500):
        settings.SECRET_KEY = make()
        assert check_secret_key() == []


@given(unit=st.text(min_size=1, max_size=40), times=st.integers(2, 40))
def test_no_repeated_text_is_a_key(unit, times):
    from django.test import override_settings

    with override_settings(SECRET_KEY=unit * times):
        assert [error.id for error in check_secret_key()] == ["actions.E021"]


@pytest.mark.parametrize(
    "hosts",
    [
        *([], ["*"], ["console.corp.example", "*"], [" "], [""], ["https://console.corp"]),
        *(["console.corp:8000"], ["console.corp/"], ["*.corp.example"], ["a b"], ["consöle.corp"]),
    ],
    ids=repr,
)
def test_h6_hosts_that_allow_all_or_none_are_refused(settings, hosts):
    settings.SIMULATED, settings.ALLOWED_HOSTS = False, hosts
    assert {error.id for error in check_hosts()} <= {"actions.E022", "actions.E023"}
    assert check_hosts()


@pytest.mark.parametrize(
    "hosts",
    [["localhost", "127.0.0.1", "[::1]"], ["Console.Corp.example"], [".corp.example"], ["box_1"]],
    ids=repr,
)
def test_host_names_are_accepted(settings, hosts):
    settings.SIMULATED, settings.ALLOWED_HOSTS = False, hosts
    assert check_hosts() == []


def test_the_simulation_may_allow_any_host(settings):
    settings.SIMULATED, settings.ALLOWED_HOSTS = True, ["*"]
    assert check_hosts() == []


def test_debug_is_refused_where_others_reach_the_console(found):
    assert "actions.E020" in found(DEBUG=True, PUBLIC=True)
    assert "actions.E020" not in found(DEBUG=True, PUBLIC=False)
    assert "actions.E020" not in found(DEBUG=False, PUBLIC=True)


@pytest.mark.parametrize(
    "target",
    [
        *("ftp://x", "siem:514", "siem", "", "syslog://siem", "syslog+tls://", "syslog+tls://a b"),
        *("syslog+tls://siem:99999", "syslog+tls://siem:x", "syslog+tls://siem:6514/facility"),
        *("https://user:pw@hook.example/x", "https://hook.example/x#y", "http://hook.example/"),
        *("https://[::1", "syslog+udp://siem?x=1"),
    ],
)
def test_h6_an_unknown_form_of_a_stream_is_refused(found, target):
    problems = found(AUDIT_STREAM_TO=[target], AUDIT_STREAM_SECRET=KEY)
    assert "actions.E030" in problems


@given(text=st.text() | st.from_regex(r"\A[a-z+]{2,10}://[\S]{0,20}\Z"))
def test_any_text_is_a_target_or_a_value_error(text):
    try:
        target = parse_target(text)
    except ValueError:
        return
    assert target.host
    assert 0 < target.port < 65536


@pytest.mark.parametrize(
    ("target", "warned"),
    [
        ("syslog+udp://siem.corp", True),
        ("syslog+tcp://siem.corp:601", True),
        ("syslog+udp://10.0.0.9:514", True),
        ("syslog+tcp://[2001:db8::1]:601", True),
        ("syslog+udp://localhost.corp", True),
        ("syslog+tls://siem.corp", False),
        ("syslog+udp://localhost", False),
        ("syslog+tcp://127.0.0.1:601", False),
        ("syslog+tcp://[::1]:601", False),
        ("https://hook.corp/x", False),
    ],
)
def test_low_plain_syslog_to_another_host_is_a_warning(found, target, warned):
    problems = found(AUDIT_STREAM_TO=[target], AUDIT_STREAM_SECRET=KEY)
    assert ("actions.W033" in problems) is warned
    assert "actions.E030" not in problems
