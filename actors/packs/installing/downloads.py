"""Downloads archives over https, bounded in bytes, time and redirects."""

import http.client
import ssl
import time
import urllib.error
import urllib.request
from http.client import HTTPMessage
from pathlib import Path
from typing import IO, Final
from urllib.parse import unquote, urlsplit

from stretto.actors.packs.errors import CannotInstallPack
from stretto.actors.packs.installing.archives import ARCHIVES
from stretto.actors.packs.installing.git import FETCH_SECONDS

MAX_REDIRECTS: Final = 5
ANSWER_SECONDS: Final = 30.0
"""How long a server may be silent."""
_CHUNK_BYTES: Final = 64 * 1024


def is_archive_url(source: str) -> bool:
    """Return whether a source is the https URL of an archive. All other URLs are those of repositories."""
    try:
        parts = urlsplit(source)
    except ValueError:
        return False
    return parts.scheme.lower() == "https" and unquote(parts.path).endswith(ARCHIVES)


def download(url: str, folder: Path, max_bytes: int) -> Path:
    """Download an archive.

    Args:
        url: Its https URL.
        folder: An existing folder for the file, which keeps the end of the URL's name.
        max_bytes: The most bytes of the file.

    Returns:
        The file.

    Raises:
        CannotInstallPack: The URL has a password, the server cannot be reached, is not trusted or refuses, or a limit
            is exceeded.
    """
    parts = urlsplit(url)
    if "@" in parts.netloc:
        raise CannotInstallPack("the URL must not have a user or a password")
    end = next(each for each in ARCHIVES if unquote(parts.path).endswith(each))
    path = folder / f"archive{end}"
    opener = urllib.request.build_opener(
        urllib.request.HTTPSHandler(context=ssl.create_default_context()), _OnlyToHttps()
    )
    try:
        with opener.open(url, timeout=ANSWER_SECONDS) as response, path.open("wb") as file:
            _copy(response, file, max_bytes)
    except urllib.error.HTTPError as error:
        raise CannotInstallPack(
            f"{url} cannot be downloaded: the server answered {error.code} {error.reason}"
        ) from None
    except (OSError, ValueError, http.client.HTTPException) as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        raise CannotInstallPack(f"{url} cannot be downloaded: {reason}") from None
    return path


def _copy(response: IO[bytes], file: IO[bytes], max_bytes: int) -> None:
    until = time.monotonic() + FETCH_SECONDS
    left = max_bytes
    while chunk := response.read(_CHUNK_BYTES):
        left -= len(chunk)
        if left < 0:
            raise CannotInstallPack(f"the archive has more than {max_bytes:,} bytes; raise --max-bytes")
        if time.monotonic() > until:
            raise CannotInstallPack(f"the download took longer than {FETCH_SECONDS:g} s")
        file.write(chunk)


class _OnlyToHttps(urllib.request.HTTPRedirectHandler):
    """Follows redirects to other https URLs."""

    max_redirections = MAX_REDIRECTS

    def redirect_request(  # noqa: PLR0913, PLR0917 - urllib's signature
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> urllib.request.Request | None:
        if urlsplit(newurl).scheme.lower() != "https":
            raise CannotInstallPack(f"{req.full_url} leads to {newurl!r}, which must be an https URL")
        return super().redirect_request(req, fp, code, msg, headers, newurl)
