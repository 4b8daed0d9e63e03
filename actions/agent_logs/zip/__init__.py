"""Reads ZIP archives from untrusted sources in place: no rows, no network, nothing is extracted.

Others call `directory.read_directory` (the files of an archive), `members.Member` (the text of one
file, from any offset) and `lines.read_page` and `lines.search`.
"""
