"""An installation of the first version with data becomes one of today's version, and loses nothing.

The same at its real size: `python -m tests.upgrade --database sqlite`.
"""

import pytest

from tests.processes.databases import SqliteDatabase, empty_database
from tests.upgrade.proof import Proof

pytestmark = pytest.mark.processes


def test_an_installation_of_the_first_version_upgrades_whole(tmp_path):
    with empty_database(tmp_path) as database:
        url = "" if isinstance(database, SqliteDatabase) else database.url
        Proof(tmp_path, url, print).run(devices=300, commands=600)
