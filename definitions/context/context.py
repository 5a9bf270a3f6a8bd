"""The context of a run: the values that its expressions see, stored once and shared by reference.

`Context` belongs to the run's supervisor and is the only mutable class here. `Snapshot` is one version of it. Both
refer to persistent maps (`immutables.Map`, a hash array mapped trie in C). Publishing into a namespace of n names
costs O(log n) without a copy, and a snapshot refers to the same maps.

Measured (CPython 3.11, one name set in a map of 10 / 1,000 / 20,000 names): immutables.Map 0.20 / 0.32 / 0.33 us,
pyrsistent's pmap 1.9 / 2.2 / 2.5 us, a dict copied 0.15 / 5.0 / 139 us; reading a name 0.03 / 0.34 / 0.02 us.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeAlias

import msgspec
from immutables import Map

from stretto.definitions.context.keys import NO_KEYS, KeyNamespace, ReadKeys
from stretto.definitions.context.masking import Mask, Secret
from stretto.definitions.context.run_facts import RunFacts
from stretto.definitions.context.secrecy import within
from stretto.definitions.context.task_record import TaskRecord, within_record
from stretto.definitions.data import Data, FrozenDict, weigh
from stretto.definitions.expressions import (
    ABSENT,
    Completion,
    Guarded,
    GuardedNamespace,
    GuardedValue,
    Namespace,
    Read,
    TaskNamespace,
)

SecretNames: TypeAlias = "tuple[Map[str, Secret], Map[str, Secret]]"
NO_SECRETS: "Map[str, Secret]" = Map()
_NO_VARIABLES: "Map[str, Data]" = Map()
_NO_READINGS: Final[dict[Read, tuple[Any, ...]]] = {}
"""Shared by all snapshots whose items have read nothing together. Nothing is added to it."""
_NO_RECORDS: "Map[str, TaskRecord]" = Map()


class Snapshot:
    """One immutable version of a run's context, shared by all items that started from it.

    A snapshot is a scope for expressions. It consists of references, so creating one takes constant time.
    """

    __slots__ = (
        "_names", "facts", "keys", "readings", "route", "secret_tasks", "secret_variables", "tasks", "variables",
        "version",
    )  # fmt: skip

    def __init__(  # noqa: PLR0913 - the references of a snapshot; the last two are optional
        self,
        version: int,
        facts: RunFacts,
        variables: "Map[str, Data]",
        tasks: "Map[str, TaskRecord]",
        secrets: SecretNames = (NO_SECRETS, NO_SECRETS),
        *,
        route: int = 0,
        keys: ReadKeys = NO_KEYS,
    ) -> None:
        self.version = version
        self.keys = keys
        self.route = route
        self.facts = facts
        self.variables = variables
        self.tasks = tasks
        # The variables and task records that contain secrets.
        self.secret_variables, self.secret_tasks = secrets
        self._names: dict[str, Namespace | Guarded] | None = None
        """The namespaces that expressions have read."""
        # Values that templates of a fan-out have read, for all its items.
        self.readings = _NO_READINGS

    def with_keys(self, keys: ReadKeys) -> "Snapshot":
        """Return the same version with the keys that the items' inputs read."""
        secrets = self.secret_variables, self.secret_tasks
        return Snapshot(self.version, self.facts, self.variables, self.tasks, secrets, route=self.route, keys=keys)

    def resolve(self, name: str) -> Any:
        """Return the namespace or the variable of that name, else `ABSENT`."""
        names = self._names
        if names is None:
            names = self._names = {}
        namespace = names.get(name)
        if namespace is not None:
            return namespace
        make = _MAKERS.get(name)
        if make is not None:
            namespace = names[name] = make(self)
            return namespace
        if name in RESERVED_NAMES:
            return ABSENT
        secret = self.secret_variables.get(name)
        if secret is not None:
            return GuardedValue(self.variables[name], secret)
        return self.variables.get(name, ABSENT)

    def read_once(self, read: Read) -> tuple[Any, ...]:
        """Return `read(self)`. Only an item's scope keeps the values."""
        return read(self)

    def known_names(self) -> Iterable[str]:
        """Return all names in scope."""
        return (*NAMESPACES, *self.variables)

    def completion(self) -> Completion | None:
        """Return the end of the current task, or None."""
        return None

    def task_status(self, task: str, route: int | None) -> str | None:
        """Return the status of a task's last visit on a route, or None."""
        return self.facts.visits.status_of(task, self.route if route is None else route)

    def task_execution(self, task: str, route: int | None) -> Any:
        """Return what `task()` tells of a task's last visit on a route, guarded if it contains secrets, or None."""
        facts = self.facts
        found = facts.visits.execution_of(task, self.route if route is None else route, str(facts.system["run_id"]))
        return _guarded_value(found, facts.mask)


def _parameters(snapshot: Snapshot) -> Namespace | Guarded:
    facts = snapshot.facts
    secrets = {
        **_holding(facts.mask, facts.parameters, facts.partly_secret),
        **dict.fromkeys(facts.secret_parameters, Secret(facts.mask)),
    }
    return _guarded(Namespace("parameters", facts.parameters), secrets)


def _variables(snapshot: Snapshot) -> Namespace | Guarded:
    return _guarded(Namespace("workflow", snapshot.variables), snapshot.secret_variables)


def _tasks(snapshot: Snapshot) -> Namespace | Guarded:
    return _guarded(TaskNamespace(snapshot.tasks, snapshot.facts.task_names), snapshot.secret_tasks)


def _config(snapshot: Snapshot) -> Namespace | Guarded:
    facts, given = snapshot.facts, snapshot.facts.surroundings
    secrets = {
        **_holding(facts.mask, given.config, facts.secrecy.config),
        **dict.fromkeys(given.secret_config, Secret(facts.mask)),
    }
    return _guarded(Namespace("config", given.config), secrets)


def _keystore(snapshot: Snapshot) -> Namespace | Guarded:
    given = snapshot.facts.surroundings.keystore
    return _guarded(Namespace("keystore", given), dict.fromkeys(given, Secret(snapshot.facts.mask)))


def _keys(snapshot: Snapshot) -> KeyNamespace:
    return KeyNamespace(snapshot.keys, snapshot.facts.mask)


def _system(snapshot: Snapshot) -> Namespace:
    return Namespace("system", snapshot.facts.system)


_MAKERS: Final[Mapping[str, Callable[[Snapshot], Namespace | Guarded]]] = {
    "parameters": _parameters,
    "workflow": _variables,
    "vars": _variables,
    "variables": _variables,
    "task": _tasks,
    "tasks": _tasks,
    "config": _config,
    "keystore": _keystore,
    "kv": _keys,
    "system": _system,
}
"""Makes each namespace of a snapshot, when an expression reads it: most read one or two of ten."""
NAMESPACES = tuple(_MAKERS)
RESERVED_NAMES = frozenset({*NAMESPACES, "item", "index"})
"""Names that never refer to a variable. A variable of such a name is read as `workflow.NAME`."""


class ItemScope(msgspec.Struct, frozen=True, eq=False, gc=False):
    """The scope of one item of a fan-out: three references, whatever the size of the context.

    A struct takes less than half the time of a class with slots to create. It does without garbage collection, as
    nothing that it refers to can lead back to it.
    """

    snapshot: Snapshot
    item: Data
    index: int

    def __repr__(self) -> str:
        return f"<ItemScope of item {self.index}>"  # the item itself may be a secret

    @property
    def facts(self) -> RunFacts:
        """The facts of the run."""
        return self.snapshot.facts

    def resolve(self, name: str) -> Any:
        """Return the value of a name, or `ABSENT`."""
        if name == "item":
            mask = self.snapshot.facts.mask
            return _guarded_value(self.item, mask) if mask.seen else self.item
        if name == "index":
            return self.index
        return self.snapshot.resolve(name)

    def read_once(self, read: Read) -> tuple[Any, ...]:
        """Return the values of `read`, kept in the snapshot for all its items."""
        readings = self.snapshot.readings
        values = readings.get(read)
        if values is None:
            values = read(self.snapshot)
            if readings is _NO_READINGS:
                readings = self.snapshot.readings = {}
            readings[read] = values
        return values

    def known_names(self) -> Iterable[str]:
        """Return all names in scope."""
        return ("item", "index", *self.snapshot.known_names())

    def completion(self) -> Completion | None:
        """Return the end of the current task, or None."""
        return None

    def task_status(self, task: str, route: int | None) -> str | None:
        """Return the status of a task's last visit on a route, or None."""
        return self.snapshot.task_status(task, route)

    def task_execution(self, task: str, route: int | None) -> Any:
        """Return what `task()` tells of a task's last visit on a route, or None."""
        return self.snapshot.task_execution(task, route)


class CompletionScope:
    """A scope in which a task or an attempt has just ended. `error` is set for `on_error`.

    `task` is the name that `task()` means, or "" where it has none.
    """

    __slots__ = ("_completion", "_error", "_scope")

    def __init__(
        self,
        scope: Snapshot | ItemScope,
        outcome: str,
        result: Data,
        error: FrozenDict | None = None,
        *,
        task: str = "",
    ) -> None:
        self._scope = scope
        mask = scope.facts.mask
        self._completion = Completion(task, outcome, _guarded_value(result, mask))
        self._error = _guarded_value(error, mask)

    def resolve(self, name: str) -> Any:
        """Return the value of a name, or `ABSENT`."""
        if name == "error" and self._error is not None:
            return self._error
        return self._scope.resolve(name)

    def read_once(self, read: Read) -> tuple[Any, ...]:
        """Return the values of `read`, without keeping them."""
        return read(self)

    def known_names(self) -> Iterable[str]:
        """Return all names in scope."""
        return self._scope.known_names()

    def completion(self) -> Completion | None:
        """Return the end of the current task, or None."""
        return self._completion

    def task_status(self, task: str, route: int | None) -> str | None:
        """Return the status of a task's last visit on a route, or None."""
        return self._scope.task_status(task, route)

    def task_execution(self, task: str, route: int | None) -> Any:
        """Return what `task()` tells of a task's last visit on a route, or None."""
        return self._scope.task_execution(task, route)


class Context:
    """The authoritative context of a run; only its conductor changes it.

    Attributes:
        weight: The approximate size of all values in bytes, without those of `system`, which are few and short.
        snapshots: The number of snapshots taken.
    """

    __slots__ = ("_snapshot", "_touched", "snapshots", "weight")

    def __init__(self, facts: RunFacts) -> None:
        self._snapshot = Snapshot(0, facts, _NO_VARIABLES, _NO_RECORDS)
        self._touched: list[str] | None = None
        """The names that were set since the last look at them, once anyone has looked."""
        self.weight = facts.parameters.weight
        self.snapshots = 0

    @property
    def now(self) -> Snapshot:
        """The current version, to evaluate the run's own expressions in."""
        return self._snapshot

    def snapshot(self) -> Snapshot:
        """Take and count a snapshot for a task that starts, in constant time."""
        self.snapshots += 1
        return self._snapshot

    def take_touched(self) -> list[str] | None:
        """Return the names that were set since the last call, or None at the first one.

        They are "variables.NAME" and "tasks.NAME".
        """
        touched, self._touched = self._touched, []
        return touched

    def publish(self, name: str, value: Data) -> None:
        """Set a workflow variable. Earlier snapshots keep the old value."""
        if self._touched is not None:
            self._touched.append(f"variables.{name}")
        before = self._snapshot
        replaced = before.variables.get(name)
        mask, origins = before.facts.mask, before.facts.secrecy.variables
        for fields in sorted(origins.get(name, ())):
            mask.see(within(value, fields))
        self.weight += weigh(value) - (weigh(replaced) if name in before.variables else 0)
        secrets = _with(before.secret_variables, name, mask.source_of(value))
        variables = before.variables.set(name, value)
        self._snapshot = Snapshot(
            before.version + 1, before.facts, variables, before.tasks, (secrets, before.secret_tasks)
        )

    def record_task(self, record: TaskRecord) -> None:
        """Set the value of `task.NAME`."""
        if self._touched is not None:
            self._touched.append(f"tasks.{record.name}")
        before = self._snapshot
        earlier = before.tasks.get(record.name)
        self.weight += weigh(record.result) + record.errors.weight
        if earlier is not None:
            self.weight -= weigh(earlier.result) + earlier.errors.weight
        mask, origins, secrets = before.facts.mask, before.facts.secrecy.tasks, before.secret_tasks
        if origins:
            for fields in sorted(origins.get(record.name, ())):
                mask.see(within_record(record, fields))
        if mask.seen:
            source = mask.source_of(record.result) or mask.source_of(record.errors)
            secrets = _with(secrets, record.name, source)
        tasks = before.tasks.set(record.name, record)
        self._snapshot = Snapshot(
            before.version + 1, before.facts, before.variables, tasks, (before.secret_variables, secrets)
        )


def _holding(mask: Mask, values: FrozenDict, names: Iterable[str]) -> dict[str, Secret]:
    """Return the source of each name whose value contains secrets."""
    sources = {name: mask.source_of(values.get(name)) for name in names}
    return {name: source for name, source in sources.items() if source is not None}


def _guarded(namespace: Namespace, secrets: Mapping[str, Secret]) -> Namespace | Guarded:
    return GuardedNamespace(namespace, secrets) if secrets else namespace


def _guarded_value(value: Any, mask: Mask) -> Any:
    """Return the value, guarded if it contains a secret."""
    secret = mask.source_of(value)
    return value if secret is None else GuardedValue(value, secret)


def _with(secrets: "Map[str, Secret]", name: str, secret: Secret | None) -> "Map[str, Secret]":
    if secret is not None:
        return secrets.set(name, secret)
    return secrets.delete(name) if name in secrets else secrets
