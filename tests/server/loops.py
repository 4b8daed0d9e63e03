"""An event loop for a test, also in a process whose main thread has a running one (Playwright)."""

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any


def in_a_loop(work: Coroutine[Any, Any, None]) -> None:
    """Run the coroutine to its end in a loop and a thread of its own; raise what it raises."""
    raised: list[BaseException] = []

    def run() -> None:
        try:
            asyncio.run(work)
        except BaseException as error:  # noqa: BLE001  # It is raised below.
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if raised:
        raise raised[0]
