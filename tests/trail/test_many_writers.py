"""Concurrent writers make one chain, and a rollback leaves no gap in it."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, transaction

from actions.audit.verify import verify
from actions.trail import trail
from actions.trail.models import AuditDevice, AuditEvent
from actions.trail.verbs import Verb

pytestmark = pytest.mark.django_db(transaction=True)

WRITERS, EACH = 6, 12


def test_concurrent_writers_make_one_chain_without_gap(operator):
    before = AuditEvent.objects.count()

    def write(writer: int) -> None:
        try:
            for number in range(EACH):
                name = f"{writer}-{number}"
                try:
                    with transaction.atomic():
                        trail.record(
                            operator,
                            Verb.DEVICES_EXPORTED,
                            subject_kind="test",
                            subject=name,
                            devices=[{"target": name, "status": "accepted"}],
                            device_statuses=[(name, "accepted")],
                        )
                        if number % 4 == 3:
                            raise RuntimeError("roll back")
                except RuntimeError:
                    continue
        finally:
            connection.close()

    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(write, range(WRITERS)))

    kept = WRITERS * EACH * 3 // 4
    places = list(AuditEvent.objects.order_by("pk").values_list("pk", flat=True))
    assert places == list(range(1, before + kept + 1))
    assert AuditDevice.objects.count() == kept
    assert verify().findings == []


def test_after_a_test_that_commits_the_trail_is_empty_and_has_its_triggers():
    assert AuditEvent.objects.count() == 0
    assert verify().findings == []
