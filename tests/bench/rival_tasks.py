"""The simplest alternative: one Celery task for each device, limited by `rate_limit`.

Its environment: RIVAL_URL, RIVAL_TOKEN, RIVAL_BROKER, RIVAL_RATE, RIVAL_KIND and,
for retries, RIVAL_RETRIES and RIVAL_VISIBILITY (seconds).
"""

import os

import requests
from celery import Celery, Task

RETRIES = int(os.environ.get("RIVAL_RETRIES", "0"))

app = Celery("tests.bench.rival_tasks", broker=os.environ.get("RIVAL_BROKER", "memory://"))
app.conf.task_default_queue = "rival"
app.conf.task_ignore_result = True
if RETRIES:
    # Late acknowledgement, so that a killed worker loses no task.
    app.conf.task_acks_late = True
    app.conf.task_reject_on_worker_lost = True
    app.conf.broker_transport_options = {
        "visibility_timeout": float(os.environ.get("RIVAL_VISIBILITY", "3600"))
    }


@app.task(
    bind=True,
    name="rival.act",
    rate_limit=os.environ.get("RIVAL_RATE"),
    autoretry_for=(requests.RequestException,) if RETRIES else (),
    max_retries=RETRIES,
    default_retry_delay=1,
)
def act(task: "Task[[str], None]", device: str) -> None:
    """Ask the vendor to act on one device."""
    reply = requests.post(
        f"{os.environ['RIVAL_URL']}/o/api/v3.1/devices/action",
        params={"access_token": os.environ["RIVAL_TOKEN"]},
        json={"types": os.environ["RIVAL_KIND"], "ids": [device]},
        timeout=5,
    )
    reply.raise_for_status()
    reply.json()
