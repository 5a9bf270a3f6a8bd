"""The scope of published values: the run's one namespace, or the branch that follows (`Semantics.publish`)."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final, Protocol

from immutables import Map

from stretto.definitions.conductor.branches import NO_BRANCH, Branch, joined
from stretto.definitions.context import NO_SECRETS, Context, RunFacts, Snapshot, TaskRecord
from stretto.definitions.data import Data, weigh

if TYPE_CHECKING:
    from stretto.definitions.context import Secret

_NO_RECORDS: "Map[str, TaskRecord]" = Map()


class Publication(Protocol):
    """The values that one transition publishes, entry by entry. Each entry sees those before it."""

    def scope(self) -> Snapshot:
        """Return the context after the entries so far."""

    def publish(self, name: str, value: Data) -> None:
        """Add an entry."""

    def branch(self) -> Branch:
        """Return the branch that follows."""


class Contexts(Protocol):
    """The contexts of a run. `weight` is their size in bytes, about; `snapshots` counts those that were taken."""

    weight: int
    snapshots: int

    def publication(self, branch: Branch, route: int) -> Publication:
        """Begin to publish at the end of a branch."""

    def look(self, branch: Branch, route: int) -> Snapshot:
        """Return the context that a task would start with now, without counting a snapshot."""

    def snapshot_for(self, branch: Branch, route: int) -> Snapshot:
        """Take a snapshot for a task that starts."""

    def take_touched(self) -> list[str] | None:
        """Return the names that were set since the last call, or None if any may have been set."""

    def record_task(self, record: TaskRecord) -> None:
        """Store a task's record where expressions read it."""

    def final(self, terminal: Iterable[Branch]) -> Branch:
        """Return the branch from which the run's output is rendered."""


class RunContexts(Context):
    """One namespace for the whole run: every task that starts later sees the published values."""

    __slots__ = ()

    def publication(self, branch: Branch, route: int) -> Publication:  # noqa: ARG002 - there is one context
        """Begin to publish at the end of a branch."""
        return _RunPublication(self)

    def look(self, branch: Branch, route: int) -> Snapshot:  # noqa: ARG002 - as above
        """Return the context that a task would start with now."""
        return self.now

    def snapshot_for(self, branch: Branch, route: int) -> Snapshot:  # noqa: ARG002 - as above
        """Take a snapshot for a task that starts."""
        self.snapshots += 1  # as `snapshot`
        return self._snapshot

    def final(self, terminal: Iterable[Branch]) -> Branch:  # noqa: ARG002 - as above
        """Return the branch from which the run's output is rendered."""
        return NO_BRANCH


class _RunPublication:
    __slots__ = ("_context",)

    def __init__(self, context: RunContexts) -> None:
        self._context = context

    def scope(self) -> Snapshot:
        return self._context.now

    def publish(self, name: str, value: Data) -> None:
        self._context.publish(name, value)

    def branch(self) -> Branch:
        return NO_BRANCH


class BranchContexts:
    """A context for each branch: published values are visible on the branch that follows, and after its joins."""

    __slots__ = ("_facts", "_versions", "snapshots", "weight")

    def __init__(self, facts: RunFacts) -> None:
        self._facts = facts
        self._versions = 0
        self.weight = weigh(facts.parameters)
        self.snapshots = 0

    def publication(self, branch: Branch, route: int) -> Publication:
        """Begin to publish at the end of a branch."""
        return _BranchPublication(self, branch, route)

    def look(self, branch: Branch, route: int) -> Snapshot:
        """Return the context that a task would start with now."""
        return self.view(branch.variables, branch.secrets, route)

    def snapshot_for(self, branch: Branch, route: int) -> Snapshot:
        """Take a snapshot for a task that starts."""
        self.snapshots += 1
        return self.look(branch, route)

    def take_touched(self) -> list[str] | None:
        """Return None: a join may set any name."""
        return None

    def record_task(self, record: TaskRecord) -> None:
        """Do nothing: this dialect has no names for the tasks' results."""

    def final(self, terminal: Iterable[Branch]) -> Branch:
        """Return the branch from which the run's output is rendered."""
        return joined(terminal)

    def view(self, variables: "Map[str, Data]", secrets: "Map[str, Secret]", route: int) -> Snapshot:
        """Return a scope over the given variables."""
        return Snapshot(self._versions, self._facts, variables, _NO_RECORDS, (secrets, NO_SECRETS), route=route)

    def follow(self, branch: Branch, values: dict[str, Data]) -> Branch:
        """Return the branch that follows when `values` are published."""
        if values:
            self._versions += 1
            self.weight += sum(map(weigh, values.values()))
        return branch.published(values, self._facts.mask.source_of)

    def secrets_with(self, secrets: "Map[str, Secret]", name: str, value: Data) -> "Map[str, Secret]":
        """Return `secrets`, updated for `name` with this value."""
        secret = self._facts.mask.source_of(value)
        if secret is not None:
            return secrets.set(name, secret)
        return secrets.delete(name) if name in secrets else secrets


class _BranchPublication:
    """Within a transition's list a value replaces another. Only the final values are merged into the branch."""

    __slots__ = ("_branch", "_contexts", "_route", "_secrets", "_values", "_variables")

    def __init__(self, contexts: BranchContexts, branch: Branch, route: int) -> None:
        self._contexts = contexts
        self._branch = branch
        self._route = route
        self._values: dict[str, Data] = {}
        self._variables = branch.variables
        self._secrets = branch.secrets

    def scope(self) -> Snapshot:
        return self._contexts.view(self._variables, self._secrets, self._route)

    def publish(self, name: str, value: Data) -> None:
        self._values[name] = value
        self._variables = self._variables.set(name, value)
        self._secrets = self._contexts.secrets_with(self._secrets, name, value)

    def branch(self) -> Branch:
        return self._contexts.follow(self._branch, self._values)


CONTEXTS: Final[dict[str, type[RunContexts] | type[BranchContexts]]] = {"run": RunContexts, "branch": BranchContexts}
"""The contexts of each value of `Semantics.publish`."""
