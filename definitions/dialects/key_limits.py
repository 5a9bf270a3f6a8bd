"""Reads `concurrency_key` and `limit` of a task in the native dialect: how many items may run at once under one key.

concurrency_key: "db-{{ item.cluster }}"
limit: 20
"""

from typing import Final

from stretto.definitions.dialects.reading import Fields, Reader
from stretto.definitions.expressions import Constant, Site, Template
from stretto.definitions.model import KeyLimit
from stretto.definitions.source import Node

MAX_KEY_LENGTH: Final = 200
"""Characters of a concurrency key."""
MAX_KEY_LIMIT: Final = 1_000_000


def read_key_limit(reader: Reader, fields: Fields, site: Site) -> KeyLimit | None:
    """Return the limit of a task's items, or None if it has none. The reader collects the findings."""
    key = next((read_key(reader, member, what, site) for member, what in fields.given("concurrency_key")), None)
    limit = next((_limit(reader, member, what) for member, what in fields.given("limit")), None)
    names = [name for name in ("concurrency_key", "limit") if any(True for _ in fields.given(name))]
    if len(names) == 1:
        missing = "limit" if names == ["concurrency_key"] else "concurrency_key"
        message = f"{fields.what} has {names[0]!r}, but no {missing!r}"
        reader.error(
            "half_a_limit", message, fields.key_place(names[0]),
            expected="both", hint='concurrency_key: "db-{{ item.cluster }}" and limit: 20',
        )  # fmt: skip
    if key is None or limit is None:
        return None
    return KeyLimit(key, limit, fields.key_place("concurrency_key"))


def read_key(reader: Reader, node: Node, what: str, site: Site) -> Template | None:
    """Return what gives the key of an item, or None after a finding."""
    key = reader.template(node, site)
    if isinstance(key, Constant) and not (isinstance(key.value, str) and 0 < len(key.value) <= MAX_KEY_LENGTH):
        reader.wrong_type(what, node, f"a text of 1 to {MAX_KEY_LENGTH} characters, or an expression that gives one")
        return None
    return key


def _limit(reader: Reader, node: Node, what: str) -> int | None:
    limit = reader.integer(node, what, 1)
    if limit is not None and limit > MAX_KEY_LIMIT:
        reader.wrong_type(what, node, f"an integer of at most {MAX_KEY_LIMIT:,}")
        return None
    return limit
