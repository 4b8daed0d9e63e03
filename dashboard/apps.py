"""The dashboard as a Django application."""

from django.apps import AppConfig


class DashboardConfig(AppConfig):
    """Connects the receivers of the sign-in signals."""

    name = "dashboard"

    def ready(self) -> None:
        """Import the receivers, which connect themselves."""
        from dashboard import signals  # noqa: F401, PLC0415  # The models must be loaded first.
