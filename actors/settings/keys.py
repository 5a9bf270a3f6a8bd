"""The settings of the key-value store."""

import msgspec

from stretto.actors.settings.common_types import Count

MAX_KV_BYTES = 16 * 1024 * 1024
MAX_KEYS = 10_000
MAX_VALUE_BYTES = 1024 * 1024


class KvSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The section `kv`: the bounds of the key-value store.

    Attributes:
        max_bytes: The bytes of all keys together: their names and their values as JSON.
        max_keys: The number of keys.
        max_value_bytes: The bytes of one value as JSON.
    """

    max_bytes: Count = MAX_KV_BYTES
    max_keys: Count = MAX_KEYS
    max_value_bytes: Count = MAX_VALUE_BYTES
