#!/usr/bin/env python
"""Django's command line for this project."""

import os
import sys

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dashboard.settings")
    try:
        _ = settings.DEBUG  # The first question reads all of them.
    except ImproperlyConfigured as error:
        sys.exit(f"Wrong setting: {error}")
    execute_from_command_line(sys.argv)
