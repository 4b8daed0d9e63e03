"""How much a person may ask for in a minute: `budget.take`, called by the services that cost work.

Limits of what goes to devices are in `roles`; this package limits what costs the console or the
vendor's rate limit and changes no device.
"""
