"""How a log line looks."""

import json
import logging
from datetime import UTC, datetime


class OneLine(logging.Formatter):
    """One JSON object on one line, so that no device's name can forge a second line."""

    def format(self, record: logging.LogRecord) -> str:
        """Render time (UTC), level, logger, message and, where there is one, the traceback."""
        line = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line)
