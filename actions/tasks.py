"""What Celery may ask for: to look at the table. No message carries anything."""

from celery import shared_task

from actions.services import dispatch, recovery


@shared_task(name="actions.pump")
def pump() -> None:
    """Send what is due."""
    dispatch.pump()


@shared_task(name="actions.sweep")
def sweep() -> None:
    """Settle what is past its deadline."""
    recovery.sweep()
