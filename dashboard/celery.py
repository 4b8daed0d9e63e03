"""The Celery application, which only triggers work.

The work itself is in database rows, so any message may be lost or delivered twice. That is why
there is no result backend, retry, countdown or rate limit here (DECISIONS: "State lives in rows,
not messages").
"""

import os
from typing import Any

from celery import Celery
from celery.signals import celeryd_init

from dashboard.start import check_database, check_start, read_settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dashboard.settings")

app = Celery("dashboard")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["actions"])


@app.on_configure.connect
def _read(**_: Any) -> None:
    """Read the settings before Celery does, which would answer a wrong one with a traceback."""
    read_settings()


@celeryd_init.connect
def _check(**_: Any) -> None:
    """Check the start of a worker; a web process or a command has done so itself."""
    check_start()
    check_database()
