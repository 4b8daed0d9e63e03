"""The ASGI application that uvicorn serves."""

import warnings

from django.core.asgi import get_asgi_application

from dashboard.start import check_start

check_start(show_warnings=True)

# WhiteNoise streams static files from synchronous iterators; they are small enough to read whole.
warnings.filterwarnings("ignore", "StreamingHttpResponse must consume synchronous iterators")

application = get_asgi_application()
