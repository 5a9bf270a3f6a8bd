"""Frozen data: the immutable values that contexts, inputs and results are made of."""

from typing import TYPE_CHECKING

from stretto.definitions.lazy_face import lazy_face

if TYPE_CHECKING:
    from stretto.definitions.data.composing import list_of, object_of, object_with
    from stretto.definitions.data.frozen import (
        COMPILED,
        EMPTY_LIST,
        EMPTY_OBJECT,
        LEAST_INTEGER,
        MAX_DEPTH,
        MAX_WEIGHT,
        MOST_INTEGER,
        PURE_VARIABLE,
        Data,
        Frozen,
        FrozenDict,
        FrozenList,
        check_bounds,
        depth_of,
        freeze,
        is_frozen,
        thaw,
        weigh,
    )
    from stretto.definitions.data.json_text import decode_json, encode_json, json_size
    from stretto.definitions.data.patterns import compiled
else:
    __getattr__ = lazy_face(
        __name__,
        {
            "composing": "list_of object_of object_with",
            "frozen": (
                "COMPILED Data EMPTY_LIST EMPTY_OBJECT Frozen FrozenDict FrozenList LEAST_INTEGER MAX_DEPTH MAX_WEIGHT "
                "MOST_INTEGER PURE_VARIABLE check_bounds depth_of freeze is_frozen "
                "thaw weigh"
            ),
            "json_text": "decode_json encode_json json_size",
            "patterns": "compiled",
        },
    )

__all__ = [
    "COMPILED",
    "EMPTY_LIST",
    "EMPTY_OBJECT",
    "LEAST_INTEGER",
    "MAX_DEPTH",
    "MAX_WEIGHT",
    "MOST_INTEGER",
    "PURE_VARIABLE",
    "Data",
    "Frozen",
    "FrozenDict",
    "FrozenList",
    "check_bounds",
    "compiled",
    "decode_json",
    "depth_of",
    "encode_json",
    "freeze",
    "is_frozen",
    "json_size",
    "list_of",
    "object_of",
    "object_with",
    "thaw",
    "weigh",
]
