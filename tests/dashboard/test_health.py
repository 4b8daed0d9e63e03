"""Health checks: by any host name, without a redirect, and each with its reason."""

import shutil
from collections.abc import Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils.timezone import now

from actions.dispatch import heartbeats
from actions.dispatch.models import DispatcherHeartbeat
from dashboard import health
from dashboard.server.hosts import HEALTH_CHECKS
from dashboard.standalone.redis_server import own_redis
from dashboard.views.health import ANSWERS
from tests.factories import know_devices, make_request
from tests.processes.installation import short_folder

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def fresh(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Run each check anew; a Redis, a worker and a ticker are there."""
    monkeypatch.setattr(health, "KEEP_SECONDS", -1.0)
    heartbeats.beat(idle=True)
    heartbeats.beat_of_ticker("")
    with short_folder() as folder, own_redis(folder / "redis" / "redis.sock"):
        settings.REDIS_URL = f"unix://{folder}/redis/redis.sock"
        health._client.cache_clear()
        yield
    health._client.cache_clear()


def ready() -> tuple[int, dict[str, Any]]:
    answer = Client().get("/healthz/ready", headers={"Host": "10.0.0.7"})
    return answer.status_code, answer.json()


@pytest.mark.parametrize("path", ["/healthz/live", "/healthz/live/", "/alive"])
@pytest.mark.parametrize("host", ["10.0.0.7", "console.example.com:8443", "localhost"])
def test_h6_live_is_answered_for_any_host_without_a_redirect(settings, path, host):
    settings.SECURE_SSL_REDIRECT = True
    settings.ALLOWED_HOSTS = ["console.example.com"]

    answer = Client().get(path, headers={"Host": host})

    assert (answer.status_code, answer.content) == (200, b"ok")
    assert Client().post(path, headers={"Host": host}).status_code == 405
    assert Client().head(path, headers={"Host": host}).status_code == 200


def test_h6_all_is_well():
    status, found = ready()

    assert (status, found["status"]) == (200, "ok")
    assert set(found["checks"].values()) == {"ok"}
    expected = {"database", "migrations", "worker", "ticker", "queue", "clock", "redis", "disk"}
    assert set(found["checks"]) == expected


def test_h6_missing_processes_are_named_and_pages_are_still_served(operator, settings, travel):
    know_devices("kiosk")
    make_request(operator, "kiosk")
    DispatcherHeartbeat.objects.all().delete()
    settings.REDIS_URL = "redis://127.0.0.1:9/0"
    health._client.cache_clear()
    travel.move_to(now() + timedelta(seconds=90))

    status, found = ready()

    assert (status, found["status"]) == (200, "degraded")
    assert found["checks"]["worker"] == "No worker has been active for 60 s."
    assert found["checks"]["ticker"] == "No ticker has been active for 60 s."
    assert found["checks"]["redis"] == "Redis does not answer (ConnectionError)."
    assert found["checks"]["queue"].startswith("A command has been due for 9")


def test_h6_missing_migrations_fail_it():
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'sessions'")

    status, found = ready()

    assert (status, found["status"]) == (503, "failed")
    assert found["checks"]["migrations"] == "1 migrations are missing: run manage.py migrate."


def test_h6_a_full_disk_is_told(monkeypatch):
    usage = SimpleNamespace(total=10**11, free=10**8)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)

    assert ready()[1]["checks"]["disk"] == "95 MB are free where DATA_DIR lies."


def test_h2_a_heartbeat_of_the_future_is_none(travel):
    travel.move_to(now() - timedelta(days=1))

    assert "No worker" in ready()[1]["checks"]["worker"]
    heartbeats.beat()
    assert ready()[1]["checks"]["worker"] == "ok"


def test_h6_no_health_check_asks_for_the_host():
    assert set(ANSWERS) == HEALTH_CHECKS
