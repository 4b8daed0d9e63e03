"""The web: what a browser or an API client sees."""

from dashboard.celery import app as celery_app

__all__ = ["celery_app"]
