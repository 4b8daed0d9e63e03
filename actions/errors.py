"""What a service answers when it will not do what it was asked, by what to do about it.

ActionsError
├── Refused          the wish cannot be taken as it stands: says which field and why
├── NotAllowed       this person may not do it: ask somebody whose role may
└── IllegalMove      a programming error: the state table has no such move
"""


class ActionsError(Exception):
    """The root of everything the engine refuses; its text is fit to show an operator."""


class Refused(ActionsError):
    """The wish cannot be taken as it stands; nothing was stored.

    `problems` maps a field's name ("" for the whole) to the sentences that stand beside it.
    """

    def __init__(self, problems: dict[str, list[str]]) -> None:
        self.problems = problems
        super().__init__(" ".join(text for texts in problems.values() for text in texts))

    @classmethod
    def because(cls, field: str, text: str) -> "Refused":
        """Refuse for a single reason beside a single field."""
        return cls({field: [text]})


class NotAllowed(ActionsError):
    """This person's role does not allow it."""


class IllegalMove(ActionsError):
    """The table of states has no such move."""
