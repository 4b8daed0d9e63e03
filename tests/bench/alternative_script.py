"""Two alternatives to the engine: `python -m tests.bench.alternative_script KIND LIST DONE`.

KIND is `fixed` (a counter in Redis for each window) or `ratelimiter` (requests-ratelimiter with
its bucket in Redis, shared by all processes, and urllib3's retries). LIST is a file with one
device a line; answered devices are appended to DONE, so that a second start skips them. Its
environment is that of `alternative_tasks.py`, and ALTERNATIVE_LIMIT (calls/seconds).
"""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import redis
import requests
from pyrate_limiter import Limiter, Rate, RedisBucket
from requests.adapters import HTTPAdapter
from requests_ratelimiter import LimiterSession
from requests_ratelimiter.buckets import HostBucketFactory
from urllib3.util import Retry

MAX_TRIES = 10


def main(kind: str, todo: Path, done: Path) -> None:
    """Act on each device of the list, one call each."""
    calls, seconds = (float(part) for part in os.environ["ALTERNATIVE_LIMIT"].split("/"))
    store = redis.Redis.from_url(os.environ["ALTERNATIVE_REDIS"])
    make = fixed_window if kind == "fixed" else ratelimiter
    call = make(store, int(calls), seconds)
    skip = set(done.read_text().split()) if done.exists() else set()
    with done.open("a", buffering=1) as log:
        for device in todo.read_text().split():
            if device not in skip and _try(call, device):
                log.write(f"{device}\n")


def fixed_window(store: "redis.Redis", limit: int, window: float) -> Callable[[str], bool]:
    """Count the calls of each window in Redis, and wait for the next one when it is full."""
    session = requests.Session()

    def call(device: str) -> bool:
        while True:
            number = int(time.time() / window)
            count = store.incr(f"fixed-window:{number}")
            store.expire(f"fixed-window:{number}", int(window) + 2)
            if isinstance(count, int) and count <= limit:
                return _post(session, device)
            time.sleep((number + 1) * window - time.time())

    return call


def ratelimiter(store: "redis.Redis", limit: int, window: float) -> Callable[[str], bool]:
    """Use the package as documented for several processes, with retries of the transport."""
    buckets = HostBucketFactory(
        rates=[Rate(limit, int(window * 1000))],
        bucket_class=RedisBucket,
        bucket_init_kwargs={"redis": store, "bucket_key": "ratelimiter"},
    )
    session = LimiterSession(limiter=Limiter(buckets))
    tries = int(os.environ.get("ALTERNATIVE_RETRIES", "0"))
    codes = (429, 500, 502, 503, 504)
    retry = Retry(tries, status_forcelist=codes, allowed_methods=None, backoff_factor=0.1)
    session.mount("http://", HTTPAdapter(max_retries=retry))
    return lambda device: _post(session, device)


def _post(session: requests.Session, device: str) -> bool:
    reply = session.post(
        f"{os.environ['ALTERNATIVE_URL']}/o/api/v3.1/devices/action",
        params={"access_token": os.environ["ALTERNATIVE_TOKEN"]},
        json={"types": os.environ["ALTERNATIVE_KIND"], "ids": [device]},
        timeout=5,
    )
    reply.raise_for_status()
    reply.json()
    return True


def _try(call: Callable[[str], bool], device: str) -> bool:
    """Call until there is an answer, at most 1 + ALTERNATIVE_RETRIES times."""
    for _ in range(1 + min(MAX_TRIES, int(os.environ.get("ALTERNATIVE_RETRIES", "0")))):
        try:
            return call(device)
        except requests.RequestException:
            time.sleep(0.1)
    return False


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
