"""Format of log lines."""

import json
import logging
from datetime import UTC, datetime


class OneLine(logging.Formatter):
    """Writes one JSON object a line, so that external text cannot forge a second line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return time (UTC), level, logger, message and any traceback as JSON."""
        line = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line)
