"""The ASGI application that uvicorn serves."""

import os
import warnings

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dashboard.settings")

# Static files come as ordinary iterators; they are small, so reading them whole costs nothing.
warnings.filterwarnings("ignore", "StreamingHttpResponse must consume synchronous iterators")

application = get_asgi_application()
