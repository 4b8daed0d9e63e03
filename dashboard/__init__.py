"""The web: pages for browsers and, later, an API.

It reads the selectors of `actions`, calls its services and holds no business rule of its own.
"""

from dashboard.celery import app as celery_app

__all__ = ["celery_app"]
