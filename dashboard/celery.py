"""The Celery application, which only triggers work.

The work itself is in database rows, so any message may be lost or delivered twice. That is why
there is no result backend, retry, countdown or rate limit here (DECISIONS: "State lives in rows,
not messages").
"""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dashboard.settings")

app = Celery("dashboard")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["actions"])
