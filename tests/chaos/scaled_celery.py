"""The console's Celery application with the sweeper's interval scaled like all other times.

Only beat uses this module; the workers run the unchanged application.
"""

from dashboard.celery import app

app.conf.beat_schedule["sweep"]["schedule"] = 1.5

__all__ = ["app"]
