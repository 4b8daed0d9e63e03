"""The console's settings with Django's admin installed, for the comparison."""

from dashboard.settings import *  # noqa: F403
from dashboard.settings import INSTALLED_APPS as OURS

INSTALLED_APPS = [*OURS, "django.contrib.admin"]
ROOT_URLCONF = "tests.bench.admin_urls"
