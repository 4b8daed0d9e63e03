"""The query of the trail: its form in an address, its limits and its problems."""

from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import parse_qsl

import pytest

from actions.audit import selectors as audit
from actions.audit.query import MAX_VALUE_LENGTH, AuditQuery, parse_audit_query
from actions.trail import trail
from actions.trail.verbs import Verb


def test_a_query_survives_its_address():
    query = AuditQuery(q="a&b=c", device="ü", since="2026-01-31", http_request_id="0f")
    assert parse_audit_query(dict(parse_qsl(query.as_url()))) == query
    assert parse_audit_query(query.values) == query
    assert AuditQuery().as_url() == ""


def test_a_query_without_a_part_keeps_the_others():
    query = AuditQuery(q="maintenance", person="oscar")
    assert query.without("q") == AuditQuery(person="oscar")


def test_the_former_name_of_the_http_request_still_works():
    assert parse_audit_query({"click": "0f"}) == AuditQuery(http_request_id="0f")
    assert parse_audit_query({"click": "0f", "http_request_id": "1e"}).http_request_id == "1e"


def test_unknown_parts_are_ignored_and_long_ones_cut():
    query = parse_audit_query({"page": "2", "q": f" \x00{'x' * 500} "})
    assert query == AuditQuery(q="x" * MAX_VALUE_LENGTH)


@pytest.mark.parametrize(
    ("parts", "invalid"),
    [
        ({}, set()),
        ({"q": "ab"}, {"q"}),
        ({"call": "x"}, {"call"}),
        ({"call": "9" * 30}, {"call"}),
        ({"since": "soon", "until": "late"}, {"since", "until"}),
        ({"since": "2026-02-01", "until": "2026-01-31"}, {"until"}),
        ({"since": "2026-01-31", "until": "2026-01-31"}, set()),
    ],
)
def test_each_invalid_part_has_a_problem(parts, invalid):
    problems = AuditQuery(**parts).problems
    assert set(problems) == invalid
    assert all(text for texts in problems.values() for text in texts)


def test_until_a_day_includes_the_whole_day():
    assert AuditQuery(until="2026-01-31").ends_at == datetime(2026, 2, 1, tzinfo=UTC)
    at = datetime(2026, 1, 31, 16, tzinfo=UTC)
    assert AuditQuery(until="2026-01-31T18:00+02:00").ends_at == at
    assert AuditQuery(until="9999-12-31").ends_at == datetime(9999, 12, 31, tzinfo=UTC)


@pytest.mark.django_db
def test_lines_are_found_by_their_http_request():
    actor = replace(trail.ENGINE, name="oscar", source="page", request_id="0f")
    event = trail.record(actor, Verb.LOG_OPENED, subject_kind="log", subject="x")
    trail.record(trail.ENGINE, Verb.LOG_READY, subject_kind="log", subject="x")
    assert [each.pk for each in audit.listed(AuditQuery(http_request_id="0f"))] == [event.pk]
