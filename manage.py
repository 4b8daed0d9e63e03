#!/usr/bin/env python
"""Django's command line for this project."""

import sys

from django.core.management import execute_from_command_line

from dashboard.start import check_database, check_schema, check_start, read_settings

WITHOUT_CHECKS = {"help", "--help", "-h", "--version", "version", "check"}
"""Commands that explain what is wrong, so they must run while something is."""

DURING_RESTORE = {"restore", "down", "status"}
"""Commands that run although a restore has not ended."""

WITHOUT_DATABASE = {"up", "down", "status", "restore", "collectstatic", "simulate_vendor"}
"""Commands that need no database, and `up`, which checks it in its turn."""

OF_ANY_VERSION = {"backup"}
"""Commands that read a database of a newer version too."""

SENDING = {"tick", "dispatch"}
"""Commands that work as a worker does, so they pass its checks."""

if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1] in WITHOUT_CHECKS:
        read_settings()
    else:
        check_start(may_be_unfinished=sys.argv[1] in DURING_RESTORE)
        if sys.argv[1] in SENDING:
            check_database()
        elif sys.argv[1] not in WITHOUT_DATABASE | OF_ANY_VERSION:
            check_schema()
    execute_from_command_line(sys.argv)
