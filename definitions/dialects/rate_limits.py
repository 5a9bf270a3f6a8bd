"""Reads `rate` of a task in the native dialect: how many items with one key may start in a time.

rate: {key: "api-{{ item.host }}", limit: 100, per: 60}
"""

from math import ceil
from typing import Final

from stretto.definitions.dialects.key_limits import read_key
from stretto.definitions.dialects.reading import Fields, Reader
from stretto.definitions.expressions import Site
from stretto.definitions.model import RateLimit
from stretto.definitions.source import Node

MAX_RATE_LIMIT: Final = 1_000_000
"""Items that start in `per` seconds."""
MAX_RATE_SECONDS: Final = 31 * 86_400
"""The longest `per`, in seconds."""
MAX_STARTS_PER_SECOND: Final = 10_000
"""`limit` divided by `per`."""
BURST_SECONDS: Final = 0.1
"""The least burst is the number of items of so many seconds: no engine starts items more evenly."""


def read_rate(reader: Reader, node: Node, what: str, site: Site) -> RateLimit | None:
    """Return the rate of a task's items, or None if it cannot be read. The reader collects the findings."""
    mapping = reader.mapping(node, what)
    if mapping is None:
        return None
    fields = Fields(reader, mapping, "a rate")
    key_node, limit_node, per_node = (fields.require(name) for name in ("key", "limit", "per"))
    burst_node = next((member for member, _ in fields.given("burst")), None)
    fields.finish(lambda _name: None)
    key = None if key_node is None else read_key(reader, key_node, "'key' of a rate", site)
    limit = None if limit_node is None else _whole(reader, limit_node, "'limit' of a rate", MAX_RATE_LIMIT)
    per = None if per_node is None else _seconds(reader, per_node)
    burst = None if burst_node is None else _whole(reader, burst_node, "'burst' of a rate", MAX_RATE_LIMIT)
    if key is None or limit is None or per is None or (burst is None and burst_node is not None):
        return None
    if limit / per > MAX_STARTS_PER_SECOND:
        reader.error(
            "rate_too_high", "a rate has too many items in a second", mapping.place,
            found=f"{limit:,} in {per:g} seconds",
            expected=f"at most {MAX_STARTS_PER_SECOND:,} in a second (MAX_STARTS_PER_SECOND)",
        )  # fmt: skip
        return None
    least = least_burst(limit, per)
    if burst_node is not None and burst is not None and burst < least:
        reader.error(
            "burst_too_small", "items cannot start as evenly as 'burst' of a rate says", burst_node.place,
            found=f"{burst:,}", expected=f"at least {least:,}, the items of {BURST_SECONDS:g} seconds (BURST_SECONDS)",
        )  # fmt: skip
        return None
    return RateLimit(key, limit, per, least if burst is None else burst, mapping.place)


def least_burst(limit: int, per: float) -> int:
    """Return how many items of a rate may start at once at least."""
    return max(1, ceil(BURST_SECONDS * limit / per))


def _whole(reader: Reader, node: Node, what: str, most: int) -> int | None:
    value = reader.integer(node, what, 1)
    if value is not None and value > most:
        reader.wrong_type(what, node, f"an integer of at most {most:,}")
        return None
    return value


def _seconds(reader: Reader, node: Node) -> float | None:
    value = reader.number(node, "'per' of a rate")
    if value is not None and not 0 < value <= MAX_RATE_SECONDS:
        reader.wrong_type("'per' of a rate", node, f"seconds above 0, and at most {MAX_RATE_SECONDS:,}")
        return None
    return value
