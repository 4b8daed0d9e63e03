"""A person's request and its commands: checked, stored, sent, settled, read back, controlled.

Others call `submit.submit_action` (store a checked submission), `controls` (cancel, pause, resume,
retry, undo, freeze) and `selectors` (what pages show). `outcomes` changes statuses; `events` tells
other packages of accepted commands.
"""
