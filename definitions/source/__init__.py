"""YAML text as nodes with places, read safely."""

from typing import TYPE_CHECKING

from stretto.definitions.lazy_face import lazy_face

if TYPE_CHECKING:
    from stretto.definitions.source.undecoded import undecoded_place
    from stretto.definitions.source.work import MAX_CLIENT_WORK, TooMuchWork, Work
    from stretto.definitions.source.yaml_scalars import YAML_1_1, YAML_1_1_OF_PACKS
    from stretto.definitions.source.yaml_source import (
        OPENING,
        ListNode,
        MapNode,
        Node,
        Report,
        ScalarNode,
        compose,
        is_falsy,
        kind_of,
        to_data,
    )
else:
    __getattr__ = lazy_face(
        __name__,
        {
            "undecoded": "undecoded_place",
            "work": "MAX_CLIENT_WORK TooMuchWork Work",
            "yaml_scalars": "YAML_1_1 YAML_1_1_OF_PACKS",
            "yaml_source": "ListNode MapNode Node OPENING Report ScalarNode compose is_falsy kind_of to_data",
        },
    )

__all__ = [
    "MAX_CLIENT_WORK",
    "OPENING",
    "YAML_1_1",
    "YAML_1_1_OF_PACKS",
    "ListNode",
    "MapNode",
    "Node",
    "Report",
    "ScalarNode",
    "TooMuchWork",
    "Work",
    "compose",
    "is_falsy",
    "kind_of",
    "to_data",
    "undecoded_place",
]
