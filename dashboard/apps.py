"""The dashboard as a Django application."""

import gc

from django.apps import AppConfig


class DashboardConfig(AppConfig):
    """Connects the receivers of the sign-in signals, the clean-up and the checks."""

    name = "dashboard"

    def ready(self) -> None:
        """Import the receivers and checks, which connect themselves; register the clean-up."""
        # Imported here, because the models must be loaded first.
        from actions.dispatch import sweeper  # noqa: PLC0415
        from dashboard import checks, signals  # noqa: F401, PLC0415
        from dashboard.server import checks as server_checks  # noqa: F401, PLC0415
        from dashboard.session_store import SessionStore  # noqa: PLC0415
        from dashboard.sign_in import lines  # noqa: PLC0415

        sweeper.on_sweep(SessionStore.clear_expired)
        sweeper.on_sweep(lines.drop_expired)
        # What is loaded now lives as long as the process, so the garbage collector need not visit
        # it. It also starts more seldom: both together save a fourth of the time of a long list.
        gc.freeze()
        gc.set_threshold(10_000, 10, 10)
