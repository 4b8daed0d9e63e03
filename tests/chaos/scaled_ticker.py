"""The ticker with the sweeper's interval scaled like all other times of the installation."""

import sys

from django.core.management import execute_from_command_line

from dashboard.start import check_start

if __name__ == "__main__":
    check_start()
    from actions import ticker  # It needs the settings.

    ticker.SECONDS["actions.sweep"] = 1.5
    execute_from_command_line([sys.argv[0], "tick"])
