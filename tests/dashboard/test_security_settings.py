"""Settings of the security headers, and what an error page with tracebacks shows of settings."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings as current
from django.http import HttpRequest
from django.test import RequestFactory
from django.views.debug import technical_500_response

ROOT = Path(__file__).resolve().parents[2]
PUBLIC = {"ALLOWED_HOSTS": "console.corp.example"}
HEADER = """
import json, django
django.setup()
from django.conf import settings
from django.http import HttpResponse
from django.middleware.security import SecurityMiddleware
from django.test import RequestFactory
host = settings.ALLOWED_HOSTS[0]
request = RequestFactory().get("/", secure=True, headers={"Host": host})
answer = SecurityMiddleware(lambda _: HttpResponse())(request)
print(json.dumps(answer.get("Strict-Transport-Security")))
"""


def hsts_header(folder: Path, **env: str) -> str | None:
    """Return the header that a new process sends over https."""
    done = subprocess.run(
        [sys.executable, "-c", HEADER],
        cwd=ROOT,
        env={
            "DATA_DIR": str(folder),
            "READ_DOT_ENV": "0",
            "DJANGO_SETTINGS_MODULE": "dashboard.settings",
        }
        | env,
        capture_output=True,
        text=True,
        check=True,
    )
    value = json.loads(done.stdout)
    assert value is None or isinstance(value, str)
    return value


@pytest.mark.parametrize(
    ("env", "header"),
    [
        (PUBLIC, "max-age=86400"),
        ({}, None),
        (PUBLIC | {"HTTPS": "0"}, None),
        (PUBLIC | {"HSTS_SECONDS": "31536000"}, "max-age=31536000"),
        (PUBLIC | {"HSTS_SECONDS": "0"}, None),
        (
            PUBLIC | {"HSTS_SECONDS": "31536000", "HSTS_INCLUDE_SUBDOMAINS": "1"},
            "max-age=31536000; includeSubDomains",
        ),
        (
            PUBLIC | {"HSTS_INCLUDE_SUBDOMAINS": "1", "HSTS_PRELOAD": "1"},
            "max-age=86400; includeSubDomains; preload",
        ),
    ],
)
def test_m8_hsts_lasts_a_day_and_binds_no_other_host_unless_set(tmp_path, env, header):
    assert hsts_header(tmp_path, **env) == header


SECRETS = {
    "REDIS_URL": "redis://:redis-canary@redis.corp:6379/0",
    "CELERY_BROKER_URL": "redis://:broker-canary@redis.corp:6379/0",
    "AUDIT_STREAM_TO": ["https://hooks.corp/T0/webhook-canary"],
    "AUDIT_STREAM_SECRET": "stream-canary",
    "OPSWAT_CLIENT_SECRET": "client-canary",
    "SECRET_KEY": "key-canary",
    "AUDIT_KEYS": [("own", b"audit-canary")],
    "AUDIT_OWN_KEYS": [("own", b"audit-canary")],
    "DATABASES": {"default": {"USER": "me", "PASSWORD": "database-canary", "OPTIONS": {}}},
    "STORAGES": {
        "agent_logs": {
            "BACKEND": "x",
            "OPTIONS": {"connection_string": "store-canary", "secret_key": "s3-canary"},
        }
    },
}
"""Every setting that may hold a secret, with one in it."""


@pytest.mark.parametrize("name", SECRETS)
def test_h6_an_error_page_shows_no_secret_of_the_settings(monkeypatch, name):
    monkeypatch.setattr(current, "DEBUG", True)
    monkeypatch.setattr(current, name, SECRETS[name])
    request = RequestFactory().get("/devices/")
    request.META |= {"REDIS_URL": "redis://:environment-canary@redis", "DATABASE_URL": "x-canary"}

    page = error_page(request)

    assert name in page
    assert "canary" not in page


def test_every_setting_with_an_address_or_a_secret_is_among_those_tried():
    words = ("URL", "SECRET", "PASSWORD", "KEYS", "STREAM_TO", "DATABASES", "STORAGES")
    own = [name for name in dir(current) if name.isupper() and any(w in name for w in words)]
    harmless = {
        *("OPSWAT_BASE_URL", "STATIC_URL", "MEDIA_URL", "LOGIN_URL", "LOGIN_REDIRECT_URL"),
        *("LOGOUT_REDIRECT_URL", "ACCOUNT_LOGOUT_REDIRECT_URL", "ROOT_URLCONF", "SECRET_KEY"),
        *("SECRET_KEY_FALLBACKS", "IGNORABLE_404_URLS", "EMAIL_HOST_PASSWORD"),
        *(
            "FORCE_SCRIPT_NAME",
            "ABSOLUTE_URL_OVERRIDES",
            "PASSWORD_HASHERS",
            "PASSWORD_RESET_TIMEOUT",
        ),
        *("WEB_PASSWORD_CHECKS", "PASSWORD_WORDS"),
        *("AUTH_PASSWORD_VALIDATORS", "FORMS_URLFIELD_ASSUME_HTTPS", "USE_X_FORWARDED_HOST"),
    }
    assert set(own) - harmless <= set(SECRETS)


def error_page(request: HttpRequest) -> str:
    """Return the page for an error; it stands here because the page shows the lines around it."""
    try:
        raise RuntimeError
    except RuntimeError:
        return technical_500_response(request, *sys.exc_info()).content.decode()
