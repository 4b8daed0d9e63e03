"""Backups: the database and the files of the data folder, in one archive.

`make.make` writes an archive, `archive.check` compares its checksums, and `restore.restore` puts it
in place of the database and freezes sending. `dumps` copies the database of either kind.

What belongs to one moment only is left out: locks, sockets, static files, and the epoch, which must
show after a restore that the database is older than the world.
"""
