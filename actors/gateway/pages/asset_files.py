"""The styles and scripts of the pages, under a hash of their content, so that browsers keep them.

A script is sent with all that it imports, and each file compressed once for browsers that accept it.
"""

import hashlib
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Final, NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from stretto.actors.gateway.http.compression import BEST, accepts_gzip, compressed
from stretto.actors.gateway.http.problems import Problem
from stretto.actors.gateway.http.routing import LazyRoute
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


class _Asset(NamedTuple):
    """A file as it is sent: as it is, and compressed."""

    plain: bytes
    compressed: bytes


class Assets:
    """The files. Each is kept from its first request on, and a daemon keeps none before a page is opened.

    Attributes:
        base: The path that all of them are below. It has a hash of all files, and of the version that bundles them.
    """

    def __init__(self) -> None:
        self._paths = {path.name: path for path in sorted(FOLDER.iterdir()) if path.suffix in _TYPES}
        self._kept: dict[str, _Asset] = {}
        digest = hashlib.sha256(metadata.version("stretto").encode())
        for name, path in self._paths.items():
            content = path.read_bytes()
            digest.update(f"{name} {len(content)} ".encode() + content)
        self.base = f"/assets/{digest.hexdigest()[:16]}"

    def route(self) -> LazyRoute:
        """Return the route of all files."""
        return LazyRoute(f"{self.base}/{{name}}", self._answer)

    async def _answer(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name not in self._paths:
            raise Problem("not_found", f"there is no file {name[:100]!r} of the pages")
        kind, asset = _TYPES[Path(name).suffix], self._asset(name)
        if not accepts_gzip(request):
            return Response(asset.plain, headers=_HEADERS, media_type=kind)
        return Response(asset.compressed, headers={**_HEADERS, "content-encoding": "gzip"}, media_type=kind)

    def _asset(self, name: str) -> _Asset:
        asset = self._kept.get(name)
        if asset is None:
            plain = self._bundled(name) if name.endswith(".js") else self._paths[name].read_bytes()
            asset = self._kept[name] = _Asset(plain, compressed(plain, BEST))
        return asset

    def _bundled(self, name: str) -> bytes:
        scripts = {each: path.read_text() for each, path in self._paths.items() if path.suffix == ".js"}
        return bundled(name, scripts).encode()
