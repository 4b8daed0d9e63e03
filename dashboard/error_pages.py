"""The filter of error pages with tracebacks (DEBUG=1): which settings they show without a value."""

import re

from django.views.debug import SafeExceptionReporterFilter


class SettingsFilter(SafeExceptionReporterFilter):
    """Hides addresses as well, because those of Redis and of a webhook contain secrets."""

    hidden_settings = re.compile(
        f"{SafeExceptionReporterFilter.hidden_settings.pattern}|_URL$|_TO$|CONNECTION",
        re.IGNORECASE,
    )
