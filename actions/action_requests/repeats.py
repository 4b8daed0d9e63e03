"""Recognise a submission that was made before: a form sent twice, a retry or undo asked twice."""

from uuid import UUID

from django.db.models import QuerySet

from actions.action_requests.models import ActionRequest
from actions.action_requests.submissions import Submission
from actions.actor import Actor
from actions.errors import Code, Problem, Refused


class AlreadySubmitted(Refused):
    """The same was submitted before; `action_request` is the request that it made.

    The audit trail has the line of that request and needs no second one.
    """

    is_recorded = True

    def __init__(self, action_request: ActionRequest) -> None:
        text = "This was asked already; nothing was sent again."
        super().__init__(Problem("", Code.ALREADY_SUBMITTED, text))
        self.action_request = action_request


def was_submitted(form_token: UUID, actor: Actor) -> bool:
    """Return whether this person has sent the form with this token."""
    return _by_token(form_token, actor).exists()


def _by_token(form_token: UUID, actor: Actor) -> QuerySet[ActionRequest]:
    return ActionRequest.objects.filter(
        source=actor.source, actor=actor.label[:150], form_token=form_token
    )


def check_first_time(submission: Submission, actor: Actor) -> None:
    """Raise AlreadySubmitted for a repeat; Refused if its form was sent with another content."""
    if submission.parent_id:
        linked = ActionRequest.objects.filter(
            parent_id=submission.parent_id, origin=submission.origin, digest=submission.digest
        )
        if twin := linked.first():
            raise AlreadySubmitted(twin)
        return
    twin = _by_token(submission.form_token, actor).first()
    if twin is None:
        return
    # Requests of versions before 0016 have no digest.
    if twin.digest not in ("", submission.digest) or (twin.reason, twin.ticket, twin.start_at) != (
        submission.reason,
        submission.ticket,
        submission.start_at,
    ):
        raise Refused.because(
            "",
            Code.FORM_USED,
            "This form was sent already, with other content, as request %(request)s. "
            "Nothing was sent now.",
            request=twin.short_id,
        )
    raise AlreadySubmitted(twin)
