"""The checks of every control of a request, in one place: who may perform it, and how large it is.

A control that stops work needs only the right to control the request: who made a request may stop
it even after their limit became narrower. A control that sends needs, besides, the role's right to
the kind, and its limit for the devices of the whole act, however many requests that act makes.
"""

from actions.action_requests.models import ActionRequest
from actions.actor import Actor
from actions.catalog import ActionKind
from actions.errors import Code, NotAllowed, Refused
from actions.roles import RIGHTS, why_not


def may_control(action_request: ActionRequest, actor: Actor) -> bool:
    """Return whether `actor` may control the request: its submitter, or who controls the engine."""
    rights = RIGHTS[actor.role]
    own = actor.user_id is not None and action_request.user_id == actor.user_id
    return rights.controls_engine or (bool(rights.kinds) and own)


def check_may_control(action_request: ActionRequest, actor: Actor) -> None:
    """Raise NotAllowed unless `actor` may control the request."""
    if not may_control(action_request, actor):
        raise NotAllowed(
            Code.NOT_YOUR_REQUEST, "Only its submitter or an operator may control a request."
        )


def check_may_send(actor: Actor, kind: ActionKind, devices: int) -> None:
    """Raise Refused unless the role may send `kind` to so many devices in one act."""
    if problem := why_not(actor.role, kind.name, devices):
        raise Refused(problem)
