"""The styles and scripts of the pages, under a hash of their content, so that browsers keep them."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from stretto.actors.gateway.http.problems import Problem

FOLDER: Final = Path(__file__).parent / "assets"
_TYPES: Final[Mapping[str, str]] = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_HEADERS: Final = {
    "cache-control": "public, max-age=31536000, immutable",
    "x-content-type-options": "nosniff",
    "cross-origin-resource-policy": "same-origin",
}


class Assets:
    """The files, read once.

    Attributes:
        base: The path that all of them are below. It has a hash of all files, whose imports of each other are relative.
    """

    def __init__(self) -> None:
        self._files = {path.name: path.read_bytes() for path in sorted(FOLDER.iterdir()) if path.suffix in _TYPES}
        digest = hashlib.sha256()
        for name, content in self._files.items():
            digest.update(f"{name} {len(content)} ".encode() + content)
        self.base = f"/assets/{digest.hexdigest()[:16]}"

    def route(self) -> Route:
        """Return the route of all files."""
        return Route(f"{self.base}/{{name}}", self._answer, methods=["GET"])

    async def _answer(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name not in self._files:
            raise Problem("not_found", f"there is no file {name[:100]!r} of the pages")
        return Response(self._files[name], headers=_HEADERS, media_type=_TYPES[Path(name).suffix])
