"""The Celery application: a clock that says "look at the table", and nothing more.

What must not be lost is a committed row; every message here may be lost or doubled. So there is
no result backend, no retry, no countdown and no rate limit (DECISIONS: "Rows, not messages").
"""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dashboard.settings")

app = Celery("dashboard")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["actions"])
