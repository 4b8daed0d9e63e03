"""The engine as a Django application."""

from django.apps import AppConfig


class ActionsConfig(AppConfig):
    """Registers the engine's system checks when Django starts."""

    name = "actions"

    def ready(self) -> None:
        """Import the checks, which register themselves."""
        from actions import checks, wiring  # noqa: F401, PLC0415  # Settings must be loaded first.
