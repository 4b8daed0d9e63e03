"""The write side of the audit trail.

Holds the tables of the trail, the signed chain of its lines, the triggers that keep it append-only
and the enum of its verbs. Other packages call `trail.record`, and `refusals.records_refusals` on
each service that a person calls.
"""
