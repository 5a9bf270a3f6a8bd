"""Compressed answers (gzip), for clients that accept them."""

import gzip
from typing import Final

from starlette.requests import Request

BEST: Final = 9
QUICK: Final = 1


def compressed(body: bytes, level: int = QUICK) -> bytes:
    """Return a body compressed. The same body has always the same result."""
    return gzip.compress(body, level, mtime=0)


def accepts_gzip(http: Request) -> bool:
    """Return whether a client accepts compressed answers."""
    for each in ",".join(http.headers.getlist("accept-encoding")).split(","):
        name, _, weight = each.strip().lower().partition(";")
        if name.strip() in {"gzip", "*"}:
            return weight.replace(" ", "") not in {"q=0", "q=0.0", "q=0.00", "q=0.000"}
    return False
