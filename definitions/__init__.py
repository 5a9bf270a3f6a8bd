"""Workflow definitions: pure code without threads, clocks, sockets or databases.

    YAML text --dialects--> Workflow (model, graph) --Conductor--> commands
                                 |                      ^
                            expressions              events, and a Context that only the conductor changes

Everything here is deterministic. The same definition, parameters and events give the same commands.
"""

from typing import TYPE_CHECKING

from stretto.definitions.lazy_face import lazy_face

if TYPE_CHECKING:
    from stretto.definitions.conductor import CannotKeep, IllegalTransition, InvalidItems, NothingToRerun, UnknownTask
    from stretto.definitions.data import Frozen, freeze, thaw
    from stretto.definitions.dialects import read_workflow
    from stretto.definitions.errors import (
        ExpressionError,
        Finding,
        InvalidDefinition,
        InvalidInput,
        LimitExceeded,
        NotData,
        Place,
        StrettoError,
        UnknownWorkflow,
    )
    from stretto.definitions.expressions import ExpressionLimits
    from stretto.definitions.model import Workflow
else:
    __getattr__ = lazy_face(
        __name__,
        {
            "conductor": "CannotKeep IllegalTransition InvalidItems NothingToRerun UnknownTask",
            "data": "Frozen freeze thaw",
            "dialects": "read_workflow",
            "errors": (
                "ExpressionError Finding InvalidDefinition InvalidInput LimitExceeded NotData Place StrettoError "
                "UnknownWorkflow"
            ),
            "expressions": "ExpressionLimits",
            "model": "Workflow",
        },
    )

__all__ = [
    "CannotKeep",
    "ExpressionError",
    "ExpressionLimits",
    "Finding",
    "Frozen",
    "IllegalTransition",
    "InvalidDefinition",
    "InvalidInput",
    "InvalidItems",
    "LimitExceeded",
    "NotData",
    "NothingToRerun",
    "Place",
    "StrettoError",
    "UnknownTask",
    "UnknownWorkflow",
    "Workflow",
    "freeze",
    "read_workflow",
    "thaw",
]
