"""The parts of the benchmarks that repeat what the engine writes or reads still fit it."""

import pytest

from actions.audit.verify import verify
from tests.bench import long_trail

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_trail_that_was_written_in_bulk_is_untouched():
    action_requests = long_trail.build(300, 20)

    assert verify().findings == []
    assert action_requests
