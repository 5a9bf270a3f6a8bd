"""The URLs by which clients call the daemon: the beginning of its links, and the origins of its own pages."""

from collections.abc import MutableMapping
from typing import Any, Final
from urllib.parse import urlsplit

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_REACHED_AT: Final = (("//0.0.0.0:", "//127.0.0.1:"), ("//[::]:", "//[::1]:"))
"""The beginnings of the URLs of ports that are bound to all addresses, and how this machine calls them."""


class Origins:
    """The daemon's own URLs.

    Args:
        url: The URL of the port, as it is bound.
        public_url: The URL by which clients call the daemon (`serve.public_url`), or None if it is the port's.

    Attributes:
        base: The URL that absolute links begin with, without a slash at its end.
        public_host: The host name of the public URL, or None without one.
    """

    def __init__(self, url: str, public_url: str | None = None) -> None:
        self._public = None if public_url is None else origin_of(public_url)
        self.base = self._public or origin_of(url)
        self.public_host = None if public_url is None else urlsplit(public_url).hostname

    @property
    def port(self) -> int:
        """The port that browsers call, of this daemon or of the proxy before it and other daemons."""
        parts = urlsplit(self.base)
        return parts.port or _DEFAULT_PORTS[parts.scheme]

    @property
    def here(self) -> str:
        """The URL for a browser on this machine, which no port bound to all addresses has itself."""
        return next((self.base.replace(every, one) for every, one in _REACHED_AT if every in self.base), self.base)

    def is_secure(self, scope: MutableMapping[str, Any]) -> bool:
        """Return whether clients use TLS, to the daemon or to its proxy: cookies are `Secure` then.

        Args:
            scope: The request's scope.
        """
        return (self._public or "").startswith("https:") or scope["scheme"] == "https"

    def link(self, path: str) -> str:
        """Return a link to a path: a whole URL if the public one is known, else the path."""
        return f"{self._public or ''}{path}"

    def is_own(self, origin: str, scope: MutableMapping[str, Any]) -> bool:
        """Return whether an `Origin` header names the daemon's own pages.

        Args:
            origin: The header's value.
            scope: The scope of the request.
        """
        own = {self._public}
        for name, value in scope["headers"]:
            if name == b"host":
                own.add(_origin_or_none(f"{scope['scheme']}://{value.decode('latin-1').strip()}"))
        return (_origin_or_none(origin) or "null") in own


def origin_of(url: str) -> str:
    """Return a URL's origin as browsers write it: in lower case, without a path and without the default port.

    Raises:
        ValueError: The URL has no host, or a port that is not one.
    """
    parts = urlsplit(url.lower())
    if not parts.hostname:
        raise ValueError(f"a URL needs a host, got {url!r}")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    port = parts.port
    if port in {None, _DEFAULT_PORTS.get(parts.scheme)}:
        return f"{parts.scheme}://{host}"
    return f"{parts.scheme}://{host}:{port}"


def _origin_or_none(url: str) -> str | None:
    try:
        return origin_of(url)
    except ValueError:
        return None
