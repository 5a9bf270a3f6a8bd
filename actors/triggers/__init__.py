"""Webhooks, sensors and schedules, which start runs from outside. Each accepts events; the engine starts the runs.

`definitions.rules` reads the files, `events` matches and records. Nothing here waits for a run.
"""

from typing import TYPE_CHECKING

from stretto.definitions.lazy_face import lazy_face

if TYPE_CHECKING:
    from stretto.actors.triggers.deliveries import MAX_HOOK_BYTES, Delivery, HookDesk, Receipt
    from stretto.actors.triggers.proofs import HookRefused, NoHookSecret, UnknownHook
else:
    __getattr__ = lazy_face(
        __name__,
        {
            "deliveries": "Delivery HookDesk MAX_HOOK_BYTES Receipt",
            "proofs": "HookRefused NoHookSecret UnknownHook",
        },
    )

__all__ = ["MAX_HOOK_BYTES", "Delivery", "HookDesk", "HookRefused", "NoHookSecret", "Receipt", "UnknownHook"]
