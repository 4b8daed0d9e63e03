"""The console's settings with Django's own admin beside it, for the comparison alone."""

from dashboard.settings import *  # noqa: F403
from dashboard.settings import INSTALLED_APPS as OURS

INSTALLED_APPS = [*OURS, "django.contrib.admin"]
ROOT_URLCONF = "tests.bench.admin_urls"
