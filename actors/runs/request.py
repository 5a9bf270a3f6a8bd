"""What a run's supervisor is started with."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pykka

from stretto.actors.dispatch import Deferred
from stretto.actors.journal import Child, ParentItem, Rerun, RunAccepted
from stretto.actors.outcome import RunHandle
from stretto.definitions.context import NO_SECRECY, NO_SURROUNDINGS
from stretto.definitions.model import Workflow

if TYPE_CHECKING:
    from stretto.actors.catalogue import Catalogue
    from stretto.definitions.conductor import ReusePlan
    from stretto.definitions.context import Mask


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """A run that was accepted before: how, and the sub-workflows' runs that perform its items."""

    accepted: RunAccepted
    children: tuple[Child, ...]


class RunRequest:
    """What a supervisor is started with.

    `accepted` is answered with `handle`, or with `InvalidInput`. `nested` holds the refs that workflows perform;
    `parent` says whose item this run performs, `depth` levels below the first run. `surroundings` are what it is given
    besides its inputs, `mask` keeps its secrets, and those of its parent; `secrecy` tells what it gives to secret
    parameters. `scope` is the catalogue of a run that was started from a file. `rerun` says which run it does again,
    `kept` what it keeps of that one.
    """

    __slots__ = (
        "accepted", "depth", "handle", "idempotency_key", "inputs", "kept", "mask", "nested", "parent", "rerun",
        "scope", "secrecy", "surroundings", "watchers", "workflow",
    )  # fmt: skip

    def __init__(
        self,
        workflow: Workflow,
        inputs: Mapping[str, Any],
        handle: RunHandle,
        accepted: Deferred,
        watcher: pykka.ActorRef[Any] | None = None,
    ) -> None:
        self.workflow = workflow
        self.inputs = inputs
        self.handle = handle
        self.accepted = accepted
        self.watchers = [] if watcher is None else [watcher]
        self.nested: frozenset[str] = frozenset()
        self.parent: ParentItem | None = None
        self.depth = 0
        self.surroundings = NO_SURROUNDINGS
        self.mask: Mask | None = None
        self.secrecy = NO_SECRECY
        self.scope: Catalogue | None = None
        self.idempotency_key: str | None = None
        self.rerun: Rerun | None = None
        self.kept: ReusePlan | None = None
