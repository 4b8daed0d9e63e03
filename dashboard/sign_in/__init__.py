"""Sign-in: passwords, and the guard against guessing.

`guard.admit` decides whether a password may be looked at; `known_device` recognises a browser that
signed in before; `backend` finds the user; `lines` tells the audit trail.
"""
