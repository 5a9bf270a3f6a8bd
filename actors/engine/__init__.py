"""The root actor: it accepts, supervises, recovers and stops runs; its proxy is the API."""

from typing import TYPE_CHECKING

from stretto.definitions.lazy_face import lazy_face

if TYPE_CHECKING:
    from stretto.actors.engine.engine import Engine
else:
    __getattr__ = lazy_face(
        __name__,
        {
            "engine": "Engine",
        },
    )

__all__ = [
    "Engine",
]
