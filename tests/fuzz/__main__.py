"""Read many corrupted archives: no crash, no file written, at most `SLOWEST` seconds for each."""

import argparse
import resource
import sys
from collections import Counter
from random import Random
from typing import Any

from actions.agent_logs.zip.directory import BadArchive
from tests.fuzz.archives import build, corrupt, timed

SLOWEST = 1.0
"""Seconds of processor time that one archive may take."""


def main() -> int:
    """Run `--cases` cases from a seed; a failure names its case, which `--only` repeats."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("--cases", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int, help="the one case to repeat")
    options = parser.parse_args()
    sys.addaudithook(_forbid)
    cases = range(options.cases) if options.only is None else (options.only,)
    slowest, failures = (0.0, 0), Counter[str]()
    for number in cases:
        rng = Random(f"{options.seed}/{number}")
        data = corrupt(build(rng), rng)
        try:
            slowest = max(slowest, (timed(data), number))
        except BadArchive:
            raise
        except Exception as error:  # noqa: BLE001  # Any crash is a failure.
            failures[f"case {number}: {type(error).__name__}: {error}"] += 1
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{len(cases):,} cases, {sum(failures.values())} failures")
    print(f"slowest {slowest[0]:.3f} s (case {slowest[1]}), memory at most {memory:.0f} MB")
    for failure in list(failures)[:20]:
        print(failure)
    return 1 if failures or slowest[0] > SLOWEST else 0


def _forbid(event: str, details: tuple[Any, ...]) -> None:
    """Fail if a file is opened for writing: the reader must not extract anything."""
    if event == "open" and isinstance(details[1], str) and set(details[1]) & set("wax+"):
        raise AssertionError(f"a file was written: {details[0]}")


if __name__ == "__main__":
    sys.exit(main())
