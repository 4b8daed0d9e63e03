"""The device list: its query, filters, pagination, and the reads of a device's own page.

Others call `query.parse_device_query` to read an address, `filters.matching` or
`filters.filter_devices` for the devices it means, and `pagination.page_after` for a page of them.
"""
