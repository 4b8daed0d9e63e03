"""Sign-ins at once: few hash at a time, the others wait, and are then asked to try again."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.contrib.auth.hashers import Argon2PasswordHasher, check_password, make_password
from django.test import Client

from dashboard import password_hasher
from dashboard.models import User
from dashboard.password_hasher import BoundedArgon2
from dashboard.settings import PASSWORD_HASHERS
from tests.factories import make_person

PASSWORD = "correct horse battery"


@pytest.fixture(autouse=True)
def real_hashers(settings):
    settings.PASSWORD_HASHERS = PASSWORD_HASHERS
    settings.WEB_WAIT_SECONDS = 0.05


def test_hashes_made_before_stay_valid_and_need_no_update():
    encoded = Argon2PasswordHasher().encode(PASSWORD, Argon2PasswordHasher().salt())
    assert check_password(PASSWORD, encoded)
    assert not check_password(PASSWORD + "!", encoded)
    assert not BoundedArgon2().must_update(encoded)
    assert make_password(PASSWORD).startswith("argon2$argon2id$")


@pytest.mark.django_db
def test_h5_a_sign_in_that_finds_no_turn_is_told_to_try_again(monkeypatch):
    make_person("oscar", "operator")
    oscar = User.objects.get(username="oscar")
    oscar.set_password(PASSWORD)
    oscar.save()
    monkeypatch.setattr(password_hasher, "_free", threading.BoundedSemaphore(1))
    form = {"login": "oscar", "password": PASSWORD}

    with password_hasher._turn():
        for name in ("oscar", "nobody"):
            answer = Client().post("/accounts/login/", form | {"login": name})
            assert answer.status_code == 503
            assert int(answer["Retry-After"]) > 0
            assert "Your password was not checked." in answer.text

    assert Client().post("/accounts/login/", form).status_code == 302


def test_h5_no_more_passwords_are_hashed_at_once_than_allowed(settings, monkeypatch):
    settings.WEB_WAIT_SECONDS = 60
    monkeypatch.setattr(password_hasher, "_free", threading.BoundedSemaphore(2))
    inside, most, lock = 0, 0, threading.Lock()

    def hash_one(number):
        nonlocal inside, most
        with password_hasher._turn():
            with lock:
                inside += 1
                most = max(most, inside)
            Argon2PasswordHasher().encode(f"{PASSWORD}{number}", "saltsaltsalt")
            with lock:
                inside -= 1

    with ThreadPoolExecutor(12) as pool:
        list(pool.map(hash_one, range(12)))
    assert most == 2
