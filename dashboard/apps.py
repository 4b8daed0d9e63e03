"""The web as a Django application."""

from django.apps import AppConfig


class DashboardConfig(AppConfig):
    """Listens to who comes and goes."""

    name = "dashboard"

    def ready(self) -> None:
        """Import the listeners, which register themselves."""
        from dashboard import signals  # noqa: F401, PLC0415  # Models must be loaded first.
