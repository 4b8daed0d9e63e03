"""Fills a database with the code of the first version.

These modules are copied beside that code and run there: what they import from `actions` and
`dashboard` is the old code. See `old_code`.
"""
