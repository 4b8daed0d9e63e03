"""What Celery may ask for: to look at the table. No message carries anything."""

import signal

from celery import shared_task

from actions.audit import jobs as audit_jobs
from actions.audit import maintenance as audit_routine
from actions.dispatch import dispatcher as dispatch
from actions.dispatch import shutdown as leaving
from actions.dispatch import sweeper as recovery
from actions.inventory import sync as inventory


@shared_task(name="actions.pump")
def pump() -> None:
    """Send what is due; a polite kill waits for the call that is on its way."""
    with leaving.noting(signal.SIGTERM) as leave:
        dispatch.pump(leave=leave)


@shared_task(name="actions.sweep")
def sweep() -> None:
    """Settle what is past its deadline."""
    recovery.sweep()


@shared_task(name="actions.keep_inventory")
def keep_inventory() -> None:
    """Start the reads of the inventory whose time has come."""
    inventory.start_due()


@shared_task(name="actions.audit", time_limit=4 * 3600)
def audit() -> None:
    """Check and export the trail where somebody has asked for it."""
    audit_jobs.work()


@shared_task(name="actions.audit_routine")
def audit_routine_task() -> None:
    """Ship the trail, and anchor it and tidy up when it is time."""
    audit_routine.run()
