"""The context of a run: its namespaces, its snapshots, and the secrets masked in them."""

from typing import TYPE_CHECKING

from stretto.definitions.lazy_face import lazy_face

if TYPE_CHECKING:
    from stretto.definitions.context.context import (
        NAMESPACES,
        NO_SECRETS,
        RESERVED_NAMES,
        CompletionScope,
        Context,
        ItemScope,
        Snapshot,
    )
    from stretto.definitions.context.keys import KeySource, OpenKeys, ReadKey, RunKeys, literal_places, reads_keys
    from stretto.definitions.context.masking import MASK, Mask, Secret
    from stretto.definitions.context.run_facts import NO_ENVIRONMENT, RunEnvironment, RunFacts
    from stretto.definitions.context.secrecy import NO_SECRECY, Fields, Origins, Secrecy, secret_fields, within
    from stretto.definitions.context.task_record import TaskRecord
else:
    __getattr__ = lazy_face(
        __name__,
        {
            "context": "CompletionScope Context ItemScope NAMESPACES NO_SECRETS RESERVED_NAMES Snapshot",
            "keys": "KeySource OpenKeys ReadKey RunKeys literal_places reads_keys",
            "masking": "MASK Mask Secret",
            "run_facts": "NO_ENVIRONMENT RunEnvironment RunFacts",
            "secrecy": "Fields NO_SECRECY Origins Secrecy secret_fields within",
            "task_record": "TaskRecord",
        },
    )

__all__ = [
    "MASK",
    "NAMESPACES",
    "NO_ENVIRONMENT",
    "NO_SECRECY",
    "NO_SECRETS",
    "RESERVED_NAMES",
    "CompletionScope",
    "Context",
    "Fields",
    "ItemScope",
    "KeySource",
    "Mask",
    "OpenKeys",
    "Origins",
    "ReadKey",
    "RunEnvironment",
    "RunFacts",
    "RunKeys",
    "Secrecy",
    "Secret",
    "Snapshot",
    "TaskRecord",
    "literal_places",
    "reads_keys",
    "secret_fields",
    "within",
]
