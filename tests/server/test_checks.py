"""A limit that would let nobody in, or everybody, stops the start."""

from typing import Any

import pytest
from django.core.checks import run_checks

from dashboard.server.checks import _LEAST


@pytest.mark.parametrize("name", _LEAST)
@pytest.mark.parametrize("value", [0, -1, float("inf"), float("nan")])
def test_a_wrong_limit_is_an_error_that_names_the_setting(
    settings: Any, name: str, value: float
) -> None:
    setattr(settings, name, value)
    assert [error.msg.split()[0] for error in run_checks() if error.id == "dashboard.E001"] == [
        name
    ]


def test_the_limits_of_the_settings_are_right(settings: Any) -> None:
    assert not [error for error in run_checks() if error.id == "dashboard.E001"]
