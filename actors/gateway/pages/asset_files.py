"""The styles and scripts of the pages, under a hash of their content, so that browsers keep them.

A script is sent with all that it imports, and each file compressed once for browsers that accept it.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from stretto.actors.gateway.http.compression import BEST, accepts_gzip, compressed
from stretto.actors.gateway.http.problems import Problem
from stretto.actors.gateway.pages.bundling import bundled

FOLDER: Final = Path(__file__).parent / "assets"
_TYPES: Final[Mapping[str, str]] = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_HEADERS: Final = {
    "cache-control": "public, max-age=31536000, immutable",
    "vary": "accept-encoding",
    "x-content-type-options": "nosniff",
    "cross-origin-resource-policy": "same-origin",
}


class Assets:
    """The files, read once.

    Attributes:
        base: The path that all of them are below. It has a hash of all files.
    """

    def __init__(self) -> None:
        self._files = _read()
        self._compressed = {name: compressed(content, BEST) for name, content in self._files.items()}
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
        kind = _TYPES[Path(name).suffix]
        if not accepts_gzip(request):
            return Response(self._files[name], headers=_HEADERS, media_type=kind)
        return Response(self._compressed[name], headers={**_HEADERS, "content-encoding": "gzip"}, media_type=kind)


def _read() -> dict[str, bytes]:
    files = {path.name: path.read_bytes() for path in sorted(FOLDER.iterdir()) if path.suffix in _TYPES}
    scripts = {name: content.decode() for name, content in files.items() if name.endswith(".js")}
    return files | {name: bundled(name, scripts).encode() for name in scripts}
