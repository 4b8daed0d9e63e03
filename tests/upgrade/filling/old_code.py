"""The modules of the first version, by name.

The types of today's code are not theirs, so the names are looked up at run time.
"""

from importlib import import_module
from typing import Any

models: Any = import_module("actions.models")
states: Any = import_module("actions.states")
submissions: Any = import_module("actions.submissions")
payloads: Any = import_module("actions.vendor.payloads")
errors: Any = import_module("actions.vendor.errors")
client: Any = import_module("actions.vendor.client")
refusals: Any = import_module("actions.errors")
picking: Any = import_module("actions.picking")
trail_questions: Any = import_module("actions.trail_questions")

agent_logs: Any = import_module("actions.services.agent_logs")
anchors: Any = import_module("actions.services.anchors")
archive: Any = import_module("actions.services.archive")
audit_jobs: Any = import_module("actions.services.audit_jobs")
budget: Any = import_module("actions.services.budget")
claims: Any = import_module("actions.services.claims")
control: Any = import_module("actions.services.control")
inventory: Any = import_module("actions.services.inventory")
log_controls: Any = import_module("actions.services.log_controls")
looks: Any = import_module("actions.services.looks")
outcomes: Any = import_module("actions.services.outcomes")
picks: Any = import_module("actions.services.picks")
records: Any = import_module("actions.services.records")
recovery: Any = import_module("actions.services.recovery")
replies: Any = import_module("actions.services.replies")
reports: Any = import_module("actions.services.reports")
selections: Any = import_module("actions.services.selections")
settings_watch: Any = import_module("actions.services.settings_watch")
submit: Any = import_module("actions.services.submit")
trail: Any = import_module("actions.services.trail")

people: Any = import_module("dashboard.models")
saved_views: Any = import_module("dashboard.saved_views")
