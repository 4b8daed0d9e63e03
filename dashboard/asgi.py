"""The ASGI application that uvicorn serves."""

import warnings

from django.core.asgi import get_asgi_application

from dashboard.start import check_start

check_start(show_warnings=True)

# WhiteNoise streams static files from synchronous iterators; they are small enough to read whole.
warnings.filterwarnings("ignore", "StreamingHttpResponse must consume synchronous iterators")

django_application = get_asgi_application()

# Both need the settings, which are complete now.
from dashboard.server.application import Bounded  # noqa: E402
from dashboard.server.start import write_json  # noqa: E402

write_json()
application = Bounded(django_application)
