"""Workbooks (XLSX): read as a person sees them, by a reader of our own in a child process.

`reader.read_workbook` is for others; `child` is the program that runs in the child process, and
nothing that it imports knows Django.
"""
