"""`python -m tests.upgrade`: prove that an installation of the first version upgrades whole."""

import argparse
import signal
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from tests.postgres import own_postgres
from tests.upgrade.proof import Proof
from tests.upgrade.versions import Failed


def main(arguments: list[str]) -> int:
    """Print one line a step; 0 only if all of it holds."""
    parser = argparse.ArgumentParser(prog="python -m tests.upgrade", description=__doc__)
    parser.add_argument("--database", choices=("sqlite", "postgresql"), required=True)
    parser.add_argument("--devices", type=int, default=100_000)
    parser.add_argument("--commands", type=int, default=200_000)
    asked = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # So that nothing is left behind.
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="console-upgrade-"))
        url = stack.enter_context(own_postgres()) if asked.database == "postgresql" else ""
        try:
            proof = Proof(Path(folder), url, lambda line: print(line, flush=True))
            proof.run(asked.devices, asked.commands)
        except Failed as failure:
            print(failure, file=sys.stderr)
            return 1
    print("Everything holds.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
