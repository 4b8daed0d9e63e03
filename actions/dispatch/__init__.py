"""Sends work to the vendor within the rate limit.

A kind of work is a subclass of `work.Work`, registered in `actions.wiring`. Others call
`dispatcher.dispatch` (send what is due), `sweeper.sweep` (settle what expired) and
`forecast.estimate` (when a request would be sent).
"""
