"""A stored token can be decrypted only with its key, and a change of it is detected."""

import base64
import os
import traceback

import pytest
from hypothesis import given

from actions.opswat.tokens import FALLBACK_LIFETIME, Token, decrypt, encrypt, read_token
from tests.opswat.parts import TOKEN
from tests.opswat.strategies import JSON, TEXTS, rows_with, steady

KEY = bytes(range(32))


@steady
@given(TEXTS)
def test_an_encrypted_token_can_be_decrypted(value):
    assert decrypt(encrypt(value, KEY), KEY) == value


def test_encrypting_twice_gives_two_texts_without_the_token():
    first, second = encrypt(TOKEN, KEY), encrypt(TOKEN, KEY)
    assert first != second
    assert TOKEN not in first
    assert first.isascii()


def test_a_change_of_any_byte_is_detected():
    packed = base64.urlsafe_b64decode(encrypt(TOKEN, KEY).removeprefix("v1."))
    for index in range(len(packed)):
        changed = packed[:index] + bytes([packed[index] ^ 1]) + packed[index + 1 :]
        with pytest.raises(ValueError, match="cannot be read"):
            decrypt("v1." + base64.urlsafe_b64encode(changed).decode(), KEY)


@pytest.mark.parametrize("text", ["", "v1.", "v1.AAAA", "v2.AAAA", "v1.é", "v1.\ud800", "v1.===="])
def test_other_text_cannot_be_decrypted(text):
    with pytest.raises(ValueError, match="cannot be read"):
        decrypt(text, KEY)


def test_a_token_cannot_be_decrypted_with_another_key():
    with pytest.raises(ValueError, match="cannot be read") as caught:
        decrypt(encrypt(TOKEN, KEY), os.urandom(32))
    assert caught.value.__context__ is None


@pytest.mark.parametrize("size", [0, 16, 31, 33])
def test_a_key_of_another_size_is_refused_without_showing_key_or_token(size):
    for func in (
        lambda: encrypt(TOKEN, KEY[:size] + b"k" * (size - 32)),
        lambda: decrypt("v1.", KEY[:16]),
    ):
        with pytest.raises(ValueError, match="32 bytes") as caught:
            func()
        report = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
        text = "".join(report.format())
        assert TOKEN not in text
        assert repr(KEY[:8])[2:-1] not in text


def test_a_token_and_its_lifetime_are_read():
    assert read_token({"access_token": "abc", "expires_in": 43199}) == Token("abc", 43199.0)
    assert read_token({"access_token": "abc", "expires_in": "60"}) == Token("abc", 60.0)


@pytest.mark.parametrize("lifetime", [None, 0, -5, "soon", True, [], float("nan"), 10**400])
def test_a_token_without_a_usable_lifetime_is_used_for_ten_minutes(lifetime):
    token = read_token({"access_token": "abc", "expires_in": lifetime})
    assert token == Token("abc", FALLBACK_LIFETIME)


@pytest.mark.parametrize("value", ["", None, 7, "a b", "a\n", "é", "x" * 5000, "\ud800"])
def test_a_value_that_cannot_be_sent_is_not_a_token(value):
    assert read_token({"access_token": value, "expires_in": 60}) is None


@steady
@given(JSON | rows_with("access_token", "expires_in"))
def test_no_answer_crashes_the_reading_of_a_token(body):
    token = read_token(body)
    assert token is None or token.expires_in > 0
