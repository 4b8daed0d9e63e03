"""The settings of the console with a temporary data folder and fast password hashes.

DATABASE_URL chooses the database, as in an installation (see tests/run.py).
"""

import atexit
import os
import shutil
import tempfile

os.environ["READ_DOT_ENV"] = "0"
if "DATA_DIR" not in os.environ:
    os.environ["DATA_DIR"] = tempfile.mkdtemp(prefix="console-test-")
    atexit.register(shutil.rmtree, os.environ["DATA_DIR"], ignore_errors=True)
for name in list(os.environ):
    if name.startswith(("OPSWAT_", "ENGINE_")):
        del os.environ[name]

from dashboard.settings import *  # noqa: E402, F403
from dashboard.settings import DATA_DIR, DATABASES, env  # noqa: E402

DATABASES["default"]["TEST"] = {"NAME": env.text("TEST_DATABASE") or None}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # A file, because servers and workers of tests open it in other threads and processes.
    DATABASES["default"]["TEST"] = {"NAME": str(DATA_DIR / "test.sqlite3")}

STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "agent_logs": STORAGES["agent_logs"],  # noqa: F405
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
EPOCH_FILE = None  # Tests empty the database; tests of the epoch set a file.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
ANSWERS_DIR = None  # Tests share the data folder; tests of kept answers set a folder.
SERVES_DATABASE = False  # The tests of the web import it before there is a test database.
