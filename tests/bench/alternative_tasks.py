"""The simplest alternative: one Celery task for each device, limited by `rate_limit`.

Its environment: ALTERNATIVE_URL, ALTERNATIVE_TOKEN, ALTERNATIVE_BROKER, ALTERNATIVE_RATE,
ALTERNATIVE_KIND and, for retries, ALTERNATIVE_RETRIES and ALTERNATIVE_VISIBILITY (seconds).
"""

import os

import requests
from celery import Celery, Task

RETRIES = int(os.environ.get("ALTERNATIVE_RETRIES", "0"))

app = Celery(
    "tests.bench.alternative_tasks", broker=os.environ.get("ALTERNATIVE_BROKER", "memory://")
)
app.conf.task_default_queue = "alternative"
app.conf.task_ignore_result = True
if RETRIES:
    # Late acknowledgement, so that a killed worker loses no task.
    app.conf.task_acks_late = True
    app.conf.task_reject_on_worker_lost = True
    app.conf.broker_transport_options = {
        "visibility_timeout": float(os.environ.get("ALTERNATIVE_VISIBILITY", "3600"))
    }


@app.task(
    bind=True,
    name="alternative.act",
    rate_limit=os.environ.get("ALTERNATIVE_RATE"),
    autoretry_for=(requests.RequestException,) if RETRIES else (),
    max_retries=RETRIES,
    default_retry_delay=1,
)
def act(task: "Task[[str], None]", device: str) -> None:
    """Ask the vendor to act on one device."""
    reply = requests.post(
        f"{os.environ['ALTERNATIVE_URL']}/o/api/v3.1/devices/action",
        params={"access_token": os.environ["ALTERNATIVE_TOKEN"]},
        json={"types": os.environ["ALTERNATIVE_KIND"], "ids": [device]},
        timeout=5,
    )
    reply.raise_for_status()
    reply.json()
