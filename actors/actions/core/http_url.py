"""The URLs of core.http: split, checked, quoted as they are sent, and masked as messages show them."""

import re
from base64 import b64encode
from collections.abc import Mapping
from functools import lru_cache
from typing import Final, NamedTuple
from urllib.parse import quote, urlencode, urljoin

from yarl import URL

MAX_URL_LENGTH: Final = 65_536
MAX_SHOWN: Final = 300
SCHEMES: Final = {"http": 80, "https": 443}
"""The schemes, and their default ports."""

_PARTS: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#]*)([^?#]*)(?:\?([^#]*))?(?:#.*)?")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_HOST: Final = re.compile(r"[!$-.0-;=A-Z_a-z~]+")
_TO_QUOTE_IN_PATH: Final = re.compile(r"[^!#-;=?-_a-z|~]")
_TO_QUOTE_IN_QUERY: Final = re.compile(r"[^!#-;=?-~]")


class BadUrl(ValueError):
    """A text is not a valid URL."""


class Target(NamedTuple):
    """The place that a request goes to.

    Attributes:
        scheme: In lowercase. Only a redirect's target can have another than http and https.
        host: In ASCII, an IPv6 address without brackets.
        port: The port.
        netloc: Host and port as in the Host header, without a default port.
        path: The path, quoted.
        query: The query, quoted, or None if there is none.
        authorization: The header's value for the user and password of the URL, or None.
    """

    scheme: str
    host: str
    port: int
    netloc: str
    path: str
    query: str | None
    authorization: str | None

    @property
    def request_target(self) -> str:
        """Path and query as the request line has them."""
        return self.path if self.query is None else f"{self.path}?{self.query}"

    @property
    def origin(self) -> tuple[str, str, int]:
        """Scheme, host and port."""
        return self.scheme, self.host, self.port

    @property
    def masked(self) -> str:
        """The URL for messages, without user, password and the values of its query."""
        parts = [part.partition("=") for part in (self.query or "").split("&") if part]
        query = "&".join(f"{name}=..." if equals else "..." for name, equals, _ in parts)
        bare = f"{self.scheme}://{self.netloc}{self.path}"
        text = f"{bare}?{query}" if query else bare
        return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}..."

    def with_params(self, pairs: Mapping[str, list[str]]) -> "Target":
        """Return the target with parameters added to its query, which stays as it is, also for the same names."""
        return self._replace(query="&".join(filter(None, [self.query, urlencode(pairs, doseq=True)])))

    def joined(self, location: str) -> "Target":
        """Return the target of a redirect from this one. Raises BadUrl."""
        here = f"{self.scheme}://{self.netloc}{self.path}"
        try:
            return target_of(urljoin(here, location))
        except ValueError as error:
            raise BadUrl from error


def target_of(text: str) -> Target:
    """Return the target of a URL. Percent-encoded characters stay as they are given.

    Args:
        text: The URL, absolute.

    Raises:
        BadUrl: It is not a valid URL, or not absolute. The message is empty, because the text may contain a password.
    """
    found = None if len(text) > MAX_URL_LENGTH or _CONTROL.search(text) else _PARTS.fullmatch(text)
    if found is None:
        raise BadUrl
    scheme, authority, path, query = found.groups()
    try:
        text.encode()  # yarl would leave lone surrogates out
        host, port, netloc, authorization = _place(scheme.lower(), authority)
        path, query = _quoted(_TO_QUOTE_IN_PATH, path), query and _quoted(_TO_QUOTE_IN_QUERY, query)
    except (ValueError, IndexError) as error:  # yarl raises IndexErrors for brackets at wrong places
        raise BadUrl from error
    return Target(scheme.lower(), host, port, netloc, _without_dots(path) or "/", query, authorization)


@lru_cache(maxsize=256)
def _place(scheme: str, authority: str) -> tuple[str, int, str, str | None]:
    """Return host, port, the value of the Host header, and that of the Authorization header or None.

    Raises ValueError and IndexError.
    """
    url = URL(f"{scheme}://{authority}/")
    host, netloc = url.raw_host or "", url.host_port_subcomponent or ""
    port = SCHEMES.get(scheme, 0) if url.port is None else url.port
    if not _HOST.fullmatch(host):
        raise BadUrl
    if url.user is None and url.password is None:
        return host, port, netloc, None
    credentials = b64encode(f"{url.user or ''}:{url.password or ''}".encode()).decode("ascii")
    return host, port, netloc, f"Basic {credentials}"


def _quoted(to_quote: re.Pattern[str], text: str) -> str:
    return to_quote.sub(lambda found: quote(found[0], safe=""), text)


def _without_dots(path: str) -> str:
    """Return a path without its segments `.` and `..` (RFC 3986, 5.2.4)."""
    if "/." not in path:
        return path
    kept = [""]
    _, *segments = path.split("/")
    for segment in segments:
        if segment == "..":
            kept = kept[:-1] or [""]
        elif segment != ".":
            kept.append(segment)
    if segments[-1] in {".", ".."}:
        kept.append("")
    return "/".join(kept)
