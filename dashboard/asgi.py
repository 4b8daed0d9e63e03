"""The ASGI application that uvicorn serves."""

import warnings
from concurrent.futures import ThreadPoolExecutor

from django.conf import settings
from django.core.asgi import get_asgi_application

from dashboard.start import check_database, check_start, use_pool

check_start(show_warnings=True)
if settings.SERVES_DATABASE:
    use_pool()
    with ThreadPoolExecutor(1) as thread:  # Django reads no database in the thread of a loop.
        thread.submit(check_database).result()

# WhiteNoise streams static files from synchronous iterators; they are small enough to read whole.
warnings.filterwarnings("ignore", "StreamingHttpResponse must consume synchronous iterators")

django_application = get_asgi_application()

# Both need the settings, which are complete now.
from dashboard.server.application import Bounded  # noqa: E402
from dashboard.server.start import write_json  # noqa: E402

write_json()
application = Bounded(django_application)
