"""`python -m tests.upgrade.filling DEVICES COMMANDS`: fill the database; prints one JSON object."""

import json
import sys

import django


def main(arguments: list[str]) -> int:
    """Fill it; the imports need Django to be set up."""
    django.setup()
    from tests.upgrade.filling.fill import fill

    device_count, commands = map(int, arguments)
    print(json.dumps(fill(device_count, commands)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
