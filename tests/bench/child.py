"""One figure in a process of its own: `python -m tests.bench.child NAME FILE [--quick]`.

The console's real settings are used (a comparison may add to them), with the data folder and
database that the parent chose.
"""

import importlib
import inspect
import json
import os
import sys
import time
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

import django
from django.core.management import call_command

from tests.bench.figures import FIGURES


def main(name: str, result: Path, *, quick: bool) -> None:
    """Measure, and write the lines and the docstring of the figure's function."""
    figure = next(figure for figure in FIGURES if figure.name == name)
    with ExitStack() as stack:
        if figure.database == "postgresql":
            # Imported only where it is needed.
            postgres: Any = importlib.import_module("tests.postgres")
            os.environ["DATABASE_URL"] = stack.enter_context(postgres.own_postgres(lasting=True))
        os.environ["DJANGO_SETTINGS_MODULE"] = figure.settings
        django.setup()
        if figure.database == "postgresql":
            call_command("migrate", verbosity=0)
        module, function = figure.where.split(":")
        measure = getattr(importlib.import_module(f"tests.bench.{module}"), function)
        start = time.monotonic()
        lines = [asdict(line) for line in measure(quick=quick)]
    output = {"how": inspect.getdoc(measure), "lines": lines, "took": time.monotonic() - start}
    result.write_text(json.dumps(output))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), quick="--quick" in sys.argv)
