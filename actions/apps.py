"""The engine as a Django application."""

from typing import Any

from django.apps import AppConfig
from django.db import connections
from django.db.models.signals import pre_migrate


def _lift_limits(using: str, **_: Any) -> None:
    """Let a migration take as long as it needs."""
    from actions import long_statements  # noqa: PLC0415  # Settings must be loaded first.

    long_statements.lift(connections[using])


class ActionsConfig(AppConfig):
    """Registers the engine's system checks when Django starts."""

    name = "actions"

    def ready(self) -> None:
        """Import the checks, which register themselves."""
        from actions import checks, wiring  # noqa: F401, PLC0415  # Settings must be loaded first.

        pre_migrate.connect(_lift_limits, sender=self)
