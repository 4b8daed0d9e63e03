"""The tokens of forms: each names one form of one person in one session."""

from dataclasses import dataclass
from uuid import UUID, uuid4

from django.core.signing import BadSignature, Signer

from actions.action_requests.repeats import was_submitted
from actions.actor import Actor
from actions.errors import Code, NotAllowed
from actions.trail.refusals import record_refusal
from actions.trail.verbs import Verb
from dashboard.access import actor_of
from dashboard.http import DashboardRequest


@dataclass(frozen=True, slots=True)
class FormTokens:
    """Issues and reads the form tokens of a person's session.

    A token is a UUID with a signature over the person and the session, so that a token that was
    guessed, chosen by the browser, or issued to somebody else does not count.
    """

    actor: Actor
    session_key: str

    @classmethod
    def of(cls, request: DashboardRequest) -> "FormTokens":
        """Return the tokens of this request's person and session."""
        return cls(actor_of(request), request.session.session_key or "")

    def issue(self) -> str:
        """Return a new token."""
        return self._signer.sign(str(uuid4()))

    def read(self, text: str) -> UUID | None:
        """Return the UUID of a token that was issued here, otherwise None.

        The token of an earlier session counts if its form was sent then: the service answers that
        it was, instead of a second request.
        """
        try:
            return UUID(self._signer.unsign(text))
        except (BadSignature, ValueError):
            return self._sent_earlier(text)

    def _sent_earlier(self, text: str) -> UUID | None:
        try:
            token = UUID(text.partition(":")[0])
        except ValueError:
            return None
        return token if was_submitted(token, self.actor) else None

    def record_refusal(self, page: str) -> None:
        """Record that a form had a token that was not issued here."""
        text = "The form token was not issued to this person in this session."
        refusal = NotAllowed(Code.FORM_NOT_VALID, text)
        line = {"subject_kind": "page", "subject": page}
        record_refusal(self.actor, Verb.PAGE_REFUSED, refusal, **line)

    @property
    def _signer(self) -> Signer:
        return Signer(salt=f"form:{self.actor.user_id}:{self.session_key}")
