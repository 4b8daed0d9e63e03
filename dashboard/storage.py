"""Storage of static files: names with a content hash, compressed by collectstatic."""

from whitenoise.storage import CompressedManifestStaticFilesStorage


class StaticFiles(CompressedManifestStaticFilesStorage):  # type: ignore[misc]  # Untyped.
    """Caches the URL of each file, because a page uses one icon file a hundred times."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self._urls: dict[str, str] = {}

    def url(self, name: str, force: bool = False) -> str:
        """Return the URL of a file; the manifest does not change while the process runs."""
        if force:
            return str(super().url(name, force))
        if name not in self._urls:
            self._urls[name] = super().url(name)
        return self._urls[name]
