"""Celery tasks. They carry no payload; the work is in the database."""

import signal

from celery import shared_task

from actions import long_statements
from actions.audit import jobs, maintenance, settings_changes
from actions.dispatch import dispatcher, shutdown, sweeper
from actions.inventory import sync
from actions.retention import run


@shared_task(name="actions.dispatch")
def dispatch() -> None:
    """Send what is due; on SIGTERM finish the call in flight first."""
    with shutdown.noting(signal.SIGTERM) as leave:
        dispatcher.dispatch(leave=leave)


@shared_task(name="actions.sweep")
def sweep() -> None:
    """Settle calls and commands whose lease or deadline expired; delete old rows."""
    sweeper.sweep()


@shared_task(name="actions.keep_inventory")
def keep_inventory() -> None:
    """Start the inventory reads that are due."""
    sync.start_due()


@shared_task(name="actions.audit", time_limit=4 * 3600)
def audit() -> None:
    """Run the checks and exports of the audit trail that were requested."""
    with long_statements.allowed():
        jobs.work()


@shared_task(name="actions.audit_maintenance")
def audit_maintenance() -> None:
    """Stream the audit trail; when due, write an anchor."""
    maintenance.run()


@shared_task(name="actions.audit_settings")
def audit_settings() -> None:
    """Record changed settings in the audit trail."""
    settings_changes.record_changes()


@shared_task(name="actions.retention", time_limit=run.TIME_LIMIT)
def retention() -> None:
    """Remove what is older than its days, and archive old lines of the audit trail."""
    with shutdown.noting(signal.SIGTERM) as leave, long_statements.allowed():
        run.run(leave=leave)
