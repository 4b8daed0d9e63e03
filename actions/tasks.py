"""What Celery may ask for: to look at the table. No message carries anything."""

import signal

from celery import shared_task

from actions.services import dispatch, leaving, recovery


@shared_task(name="actions.pump")
def pump() -> None:
    """Send what is due; a polite kill waits for the call that is on its way."""
    with leaving.noting(signal.SIGTERM) as leave:
        dispatch.pump(leave=leave)


@shared_task(name="actions.sweep")
def sweep() -> None:
    """Settle what is past its deadline."""
    recovery.sweep()
