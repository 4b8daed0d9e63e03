"""What Celery may ask for: to look at the table. No message carries anything."""

import signal

from celery import shared_task

from actions.audit import jobs, maintenance
from actions.dispatch import dispatcher, shutdown, sweeper
from actions.inventory import sync


@shared_task(name="actions.pump")
def pump() -> None:
    """Send what is due; a polite kill waits for the call that is on its way."""
    with shutdown.noting(signal.SIGTERM) as leave:
        dispatcher.pump(leave=leave)


@shared_task(name="actions.sweep")
def sweep() -> None:
    """Settle what is past its deadline."""
    sweeper.sweep()


@shared_task(name="actions.keep_inventory")
def keep_inventory() -> None:
    """Start the reads of the inventory whose time has come."""
    sync.start_due()


@shared_task(name="actions.audit", time_limit=4 * 3600)
def audit() -> None:
    """Check and export the trail where somebody has asked for it."""
    jobs.work()


@shared_task(name="actions.audit_routine")
def audit_routine_task() -> None:
    """Ship the trail, and anchor it and tidy up when it is time."""
    maintenance.run()
