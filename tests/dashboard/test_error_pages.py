"""Error pages are shown whatever has failed before."""

from typing import Any

from django.test import RequestFactory

from dashboard.views import errors


def test_an_error_is_answered_although_no_static_file_was_collected(
    settings: Any, tmp_path: Any
) -> None:
    storage = {"BACKEND": "dashboard.storage.StaticFiles", "OPTIONS": {"location": str(tmp_path)}}
    settings.STORAGES = settings.STORAGES | {"staticfiles": storage}
    request = RequestFactory().get("/")
    request.id = "abc-123"  # type: ignore[attr-defined]

    answer = errors.server_error(request)

    assert answer.status_code == 500
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert b"Request: abc-123" in answer.content
