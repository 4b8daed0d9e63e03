"""Django system check of the limits: a wrong one would refuse everybody, or nobody."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

_LEAST = {
    "WEB_HEAD_SECONDS": 0.1,
    "WEB_BODY_SECONDS": 0.1,
    "WEB_WAIT_SECONDS": 0.1,
    "WEB_CONNECTIONS": 8,
    "WEB_CONNECTIONS_PER_ADDRESS": 4,
    "WEB_REQUESTS": 2,
    "WEB_PASSWORD_CHECKS": 1,
    "SESSION_HOURS": 0.1,
    "SESSION_IDLE_MINUTES": 1,
}


@register()
def check_limits(**_: Any) -> list[CheckMessage]:
    """Check that each limit lets somebody in."""
    return [
        Error(f"{name} must be at least {least:g}.", id="dashboard.E001")
        for name, least in _LEAST.items()
        if not least <= getattr(settings, name) < float("inf")
    ]
