"""A few actions for validation to know, told without the actors."""

from collections.abc import Mapping
from types import MappingProxyType

from stretto.definitions.model import Resources
from stretto.definitions.model.semantics import CoreActions
from stretto.definitions.validation import KnownAction, KnownInput

_INPUTS = {
    "core.echo": [KnownInput("message", required=True)],
    "core.http": [
        KnownInput("url", "string", required=True, nullable=False),
        KnownInput("method", "string", nullable=False),
        KnownInput("timeout", "number"),
    ],
    "core.local": [KnownInput("cmd", "string"), KnownInput("env", "object")],
    "core.log": [
        KnownInput("message", required=True),
        KnownInput("level", "string", nullable=False, enum=("debug", "info", "warning", "error")),
    ],
    "core.sleep": [KnownInput("seconds", "number", required=True, nullable=False)],
}


class FewActions:
    """Some of the core's actions."""

    pools: Mapping[str, Resources | None] | None = MappingProxyType({"here": None, "compute": Resources(cpus=2.0)})

    def refs(self, _core: CoreActions) -> tuple[str, ...]:
        return ("core.noop", "core.wait_for", *_INPUTS)

    def suggestion_for(self, _ref: str, _core: CoreActions) -> str:
        return ""

    def parameters_of(self, ref: str, _core: CoreActions) -> KnownAction | None:
        if ref in {"core.noop", "core.wait_for"}:
            return KnownAction({}, takes_anything=True)
        inputs = _INPUTS.get(ref)
        literal = frozenset({"cmd"}) if ref == "core.local" else frozenset()
        return KnownAction({each.name: each for each in inputs}, literal=literal) if inputs is not None else None
