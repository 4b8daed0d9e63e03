"""The vendor's rate limit: the ledger of calls, the circuit breaker, the shared clock, the account.

Others call `limiter.open_call` and `limiter.close_call` (take and free a slot), `accounts.lock`
(order claims), `window.limit` (calls in a window) and `clock.now` (the clock of all workers).
"""
