"""Retention: what may go after its days goes in small pieces, and the trail records how many.

`run.run` is the periodic task, `run.archive_trail` the archive by hand; `storage` reads sizes and
growth for the page *Storage*.
"""
