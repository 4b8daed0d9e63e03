"""`python -m tests.browser.fleet VERB`: a large fleet in the console's database, and its changes.

seed      20,000 devices that no read of the vendor marks as gone
change    rename and change devices as a read does, until the file STOP in the data folder
spoil     let half of the exempted devices be compliant again
frozen    print how many rows the latest selection has, and how many of those are exempted
"""

import os
import sys
from datetime import timedelta
from itertools import count
from pathlib import Path

import django

DEVICES = 20_000


def seed() -> None:
    from django.db.models import F
    from django.utils.timezone import now

    from actions.inventory.models import Device
    from tests.bench import fleet

    fleet.make_devices(DEVICES)
    of_ours = Device.objects.filter(vendor_id__startswith="d1")
    of_ours.update(read_at=now() + timedelta(days=1))
    status = {0: "exempted", 1: "compliant", 2: "non_compliant"}
    for rest, word in status.items():
        of_ours.annotate(rest=F("id") % 3).filter(rest=rest).update(status=word)


def change() -> None:
    from django.conf import settings
    from django.utils.timezone import now

    from actions.inventory.models import Device
    from actions.inventory.store import store_records
    from tests.factories import make_record

    keys = Device.objects.filter(vendor_id__startswith="d1").order_by("id")
    known = list(keys.values_list("vendor_id", "status"))
    print("changing", flush=True)
    for turn in count():
        if Path(settings.DATA_DIR, "STOP").exists():
            return
        start = turn * 50 % len(known)
        store_records(
            [
                make_record(name, name=f"Renamed {turn} {name}", status=status, last_seen=now())
                for name, status in known[start : start + 50]
            ]
        )
        Device.objects.filter(vendor_id__startswith="d1").filter(
            vendor_id__in=[name for name, _ in known[start : start + 50]]
        ).update(read_at=now() + timedelta(days=1))


def spoil() -> None:
    from django.db.models import F

    from actions.inventory.models import Device

    halves = Device.objects.annotate(rest=F("id") % 2)
    halves.filter(status="exempted", rest=0).update(status="compliant")


def frozen() -> None:
    from actions.selections.models import Selection

    selection = Selection.objects.latest("id")
    rows = selection.chosen.count()
    print(rows, selection.device_count, selection.chosen.filter(device__status="exempted").count())


if __name__ == "__main__":
    os.environ["DJANGO_SETTINGS_MODULE"] = "dashboard.settings"
    django.setup()
    {"seed": seed, "change": change, "spoil": spoil, "frozen": frozen}[sys.argv[1]]()
