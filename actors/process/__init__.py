"""The means that belong to one process alone: its locks, and descriptors that a forked child must not keep."""

from typing import TYPE_CHECKING

from stretto.definitions.lazy_face import lazy_face

if TYPE_CHECKING:
    from stretto.actors.process.event_loops import ProtectedLoop
    from stretto.actors.process.file_lock import FileLock, LockTaken, is_locked
    from stretto.actors.process.forking import (
        HasDescriptor,
        generation,
        give_back,
        give_back_all,
        in_children,
        withhold,
        withhold_all,
    )
else:
    __getattr__ = lazy_face(
        __name__,
        {
            "event_loops": "ProtectedLoop",
            "file_lock": "FileLock LockTaken is_locked",
            "forking": "HasDescriptor generation give_back give_back_all in_children withhold withhold_all",
        },
    )

__all__ = [
    "FileLock", "HasDescriptor", "LockTaken", "ProtectedLoop", "generation", "give_back", "give_back_all",
    "in_children", "is_locked", "withhold", "withhold_all",
]  # fmt: skip
