"""The key-value store as a daemon holds it: the rules of keys, and the snapshot that is replaced after each change.

`journal` records the keys; nothing here waits for a disk.
"""

from typing import TYPE_CHECKING

from stretto.definitions.lazy_face import lazy_face

if TYPE_CHECKING:
    from stretto.actors.kv.held import MAX_OWNER, HeldKeys, KeySnapshot
    from stretto.actors.kv.reports import (
        OfflineKeys,
        clear_value,
        key_as_json,
        key_value,
        key_with_value,
        list_keys,
        page_of_keys,
        show_key,
    )
    from stretto.actors.kv.rules import (
        MAX_NAME,
        MAX_SECONDS,
        InvalidKey,
        find_key,
        key_place,
        key_removal,
        new_key,
    )
else:
    __getattr__ = lazy_face(
        __name__,
        {
            "held": "HeldKeys KeySnapshot MAX_OWNER",
            "reports": ("OfflineKeys clear_value key_as_json key_value key_with_value list_keys page_of_keys show_key"),
            "rules": "InvalidKey MAX_NAME MAX_SECONDS find_key key_place key_removal new_key",
        },
    )

__all__ = [
    "MAX_NAME",
    "MAX_OWNER",
    "MAX_SECONDS",
    "HeldKeys",
    "InvalidKey",
    "KeySnapshot",
    "OfflineKeys",
    "clear_value",
    "find_key",
    "key_as_json",
    "key_place",
    "key_removal",
    "key_value",
    "key_with_value",
    "list_keys",
    "new_key",
    "page_of_keys",
    "show_key",
]
