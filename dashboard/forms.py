"""Forms. They validate the input and build a frozen Submission or the rows of a list."""

from typing import Any

from django import forms
from django.conf import settings
from django.urls import reverse

from actions.action_requests.submissions import MAX_REASON, Given, Submission, new_submission
from actions.actor import Actor
from actions.catalog import DEFAULT_GROUP, KINDS, ActionKind, offered_kinds
from actions.errors import Code, Refused
from actions.inventory import selectors as inventory
from actions.selections import list_parser, list_reader, uploads
from actions.selections import selectors as selections
from actions.selections.choose import targets_of
from dashboard.device_list.state import device_list_url, read_list_query
from dashboard.form_tokens import FormTokens
from dashboard.models import User
from dashboard.printable import printable

PRESETS = ((4, "4 h"), (24, "1 day"), (72, "3 days"), (168, "1 week"), (720, "30 days"))


class ComposeForm(forms.Form):
    """The action for the selected devices, its parameters and its reason."""

    selection = forms.CharField(widget=forms.HiddenInput, required=False)
    back = forms.CharField(widget=forms.HiddenInput, required=False)
    form_token = forms.CharField(widget=forms.HiddenInput, max_length=200)
    kind = forms.ChoiceField(
        label="Action",
        choices=[(kind.name, kind.label) for kind in KINDS.values()],
        # Django's own message would repeat the submitted value.
        error_messages={"required": "Choose an action.", "invalid_choice": "Choose an action."},
    )
    exempt_hours = forms.CharField(
        label="Hours",
        required=False,
        max_length=20,
        help_text="A whole number from 1 to 64999. 24 is a day, 168 a week.",
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off", "size": 8}),
    )
    forever = forms.BooleanField(
        label="Permanent",
        required=False,
        help_text="The exemption does not expire. Leave the hours empty.",
    )
    group_id = forms.ChoiceField(
        label="Group",
        required=False,
        error_messages={"invalid_choice": "This group does not exist. Choose one from the list."},
    )
    reason = forms.CharField(
        label="Reason",
        max_length=MAX_REASON,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="The audit trail records it.",
        error_messages={"required": "Give a reason. The audit trail records it."},
    )
    ticket = forms.CharField(
        label="Ticket",
        required=False,
        max_length=100,
        help_text="Optional, such as INC-4711.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )

    start_at = forms.CharField(
        label="Start at (UTC)",
        required=False,
        max_length=40,
        help_text="Empty: as soon as the rate limit allows.",
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}),
    )
    give_up_after = forms.CharField(
        label="Give up after (hours)",
        required=False,
        max_length=10,
        help_text="Commands not sent by then expire. Empty: never.",
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off", "size": 8}),
    )

    def __init__(
        self,
        *args: Any,
        user: User,
        chosen: selections.Chosen | None,
        tokens: FormTokens,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.user, self.chosen, self.tokens = user, chosen, tokens
        self.initial["selection"] = str(chosen.uuid) if chosen else ""
        self.submission: Submission | None = None
        self.fields["form_token"].initial = tokens.issue
        self.fields["group_id"].choices = [  # type: ignore[attr-defined]  # A ChoiceField.
            ("", "Choose a group"),
            *_groups(),
        ]

    def list_url(self) -> str:
        """Return the URL of the page of the device list where the devices were chosen."""
        return device_list_url(read_list_query(str(self["back"].value() or "")))

    def kinds(self) -> list[tuple[ActionKind, str]]:
        """Return the offered kinds, each with why this user may not use it, or ""."""
        allowed = self.user.rights.kinds
        refusal = f"The role {self.user.get_role_display()} cannot send this."
        offered = offered_kinds(settings.OPSWAT_ACTION_VERSION)
        return [(kind, "" if kind.name in allowed else refusal) for kind in offered]

    def clean(self) -> dict[str, Any]:
        """Build the submission; each problem becomes an error of its field."""
        data = self.cleaned_data
        form_token = self.tokens.read(data.get("form_token", ""))
        if form_token is None:
            self.tokens.record_refusal(reverse("compose"))
            self._renew_token(
                "This form belongs to an earlier session. Check it and send it again."
            )
        kind = KINDS.get(data.get("kind", ""))
        if kind is None:
            return data
        takes_hours = kind.parameter == "exempt_hours"
        try:
            self.submission = new_submission(
                Given(
                    kind=kind.name,
                    version=settings.OPSWAT_ACTION_VERSION,
                    addressing=selections.addressing(self.chosen),
                    targets=targets_of(self.chosen) if self.chosen else [],
                    reason=data.get("reason"),
                    hours=data.get("exempt_hours") if takes_hours else None,
                    forever=takes_hours and bool(data.get("forever")),
                    group_id=data.get("group_id") if kind.parameter == "group_id" else None,
                    ticket=data.get("ticket", ""),
                    form_token=form_token,
                    start_at=data.get("start_at"),
                    give_up_after=data.get("give_up_after"),
                )
            )
        except Refused as refusal:
            self.add_refusal(refusal)
        return data

    def _renew_token(self, why: str) -> None:
        """Replace the form token; the form shows no errors of a hidden field."""
        self.errors.pop("form_token", None)
        self.add_error(None, why)
        data: Any = self.data.copy()  # type: ignore[attr-defined]  # A QueryDict.
        data["form_token"] = self.tokens.issue()
        self.data = data

    def add_refusal(self, refusal: Refused) -> None:
        """Add each problem as an error of its field; a form that was used gets a new token."""
        if Code.FORM_USED in refusal.codes:
            self._renew_token("Send it again to make a second request.")
        for name, texts in refusal.by_field().items():
            field = name if name in self.fields and name != "devices" else None
            for text in map(printable, texts):
                if field is None or text not in self.errors.get(field, []):
                    self.add_error(field, text)


class DeviceListForm(forms.Form):
    """A pasted or uploaded list of devices; a valid form has what was `found` in it."""

    lines = forms.CharField(
        label="Paste a list",
        required=False,
        strip=False,  # Blank lines count, so that line numbers are those of the original list.
        widget=forms.Textarea(
            attrs={"rows": 12, "spellcheck": "false", "autocomplete": "off", "class": "mono"}
        ),
        help_text="One device per line: id, MAC address, name, nickname or host name.",
    )
    file = forms.FileField(
        label="Or upload a file",
        required=False,
        allow_empty_file=True,
        help_text="Text, CSV or XLSX (its first visible sheet), at most 8 MB.",
        widget=forms.FileInput(attrs={"accept": ".txt,.csv,.tsv,.xlsx"}),
    )

    def __init__(self, *args: Any, actor: Actor, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.actor = actor

    def clean(self) -> dict[str, Any]:
        """Read the whole list; each problem becomes an error of its field."""
        data = self.cleaned_data
        self.found: list_reader.ReadList | None = None
        self.list_name, self.original = "", b""
        text, file = data.get("lines") or "", data.get("file")
        if self.errors:
            return data
        try:
            uploads.admit_upload(self.actor)
            if file is None:
                self.original = text.encode("utf-8", "replace")
                self.found = list_reader.read_text(text)
            elif text.strip():
                raise Refused.because(
                    "file", Code.LIST_AMBIGUOUS, "Paste a list or upload a file, not both."
                )
            else:
                self.list_name = file.name
                self.original = file.read(list_parser.MAX_BYTES + 1)
                self.found = list_reader.read_list(file.name, self.original)
        except Refused as refusal:
            for name, texts in refusal.by_field().items():
                self.add_error(name or None, [printable(each) for each in texts])
        return data


def _groups() -> list[tuple[str, str]]:
    known = [(group.vendor_id, printable(group)) for group in inventory.groups()]
    if any(vendor_id == DEFAULT_GROUP for vendor_id, _ in known):
        return known
    return [(DEFAULT_GROUP, "The vendor's default group"), *known]
