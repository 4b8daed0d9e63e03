"""Devices and groups as the vendor last reported them, and the reads that keep them up to date.

Others call `sync.start_sync` to read everything, `refresh.refresh` to read one device now, and
`store.store_records` to store what the vendor returned. `selectors` reads for screens.
"""
