"""The console's Celery application with the sweeper's clock scaled like all other times.

Beat is started with this; the workers run the application as it is.
"""

from dashboard.celery import app

app.conf.beat_schedule["sweep"]["schedule"] = 1.5

__all__ = ["app"]
