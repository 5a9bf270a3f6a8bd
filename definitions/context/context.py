"""The context of a run: what its expressions see, kept once and shared by reference.

`Context` is owned by the run's supervisor and is the only thing here that changes; `Snapshot` is what it looked
like at one version. Both hold persistent maps (`immutables.Map`, a hash array mapped trie in C): publishing into
a namespace of n names costs O(log n) and no copy, and a snapshot is the same maps under another name.

Measured (CPython 3.11, one name set in a map of 10 / 1,000 / 20,000 names): immutables.Map 0.20 / 0.32 / 0.33 us,
pyrsistent's pmap 1.9 / 2.2 / 2.5 us, a dict copied 0.15 / 5.0 / 139 us; reading a name 0.03 / 0.34 / 0.02 us.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import msgspec
from immutables import Map

from stretto.definitions.context.masking import Mask, Secret
from stretto.definitions.context.secrecy import NO_SECRECY, Fields, Secrecy, of_origins, within
from stretto.definitions.data import EMPTY_LIST, EMPTY_OBJECT, Data, FrozenDict, FrozenList, weigh
from stretto.definitions.expressions import (
    ABSENT,
    Completion,
    Guarded,
    GuardedNamespace,
    GuardedValue,
    Namespace,
    Read,
    Readable,
    TaskNamespace,
)


class TaskRecord(Readable):
    """What `task.NAME` reads: how a task's last finished visit ended.

    `result`, `data` (the same), `errors` and `outcome` are its own names; any other is a field of the result,
    unless the task ran with items.
    """

    __slots__ = ("errors", "name", "outcome", "result", "with_items")

    def __init__(
        self,
        name: str,
        outcome: str,
        result: Data,
        errors: FrozenList = EMPTY_LIST,
        *,
        with_items: bool = False,
    ) -> None:
        self.name = name
        self.outcome = outcome
        self.result = result
        self.errors = errors
        self.with_items = with_items

    def read(self, name: str) -> Any:
        if name in {"result", "data"}:
            return self.result
        if name == "errors":
            return self.errors
        if name == "outcome":
            return self.outcome
        if type(self.result) is FrozenDict and not self.with_items:
            return self.result.get(name, ABSENT)
        return ABSENT

    def names(self) -> Iterable[str]:
        fields = self.result if isinstance(self.result, FrozenDict) and not self.with_items else ()
        return ("result", "data", "errors", "outcome", *fields)

    def describe(self) -> str:
        return f"the task {self.name!r}"

    def explain_absence(self, name: str) -> str:
        if self.with_items:
            return f"{self.describe()} ran with items: its result is a list and has no field {name!r}"
        return f"the result of {self.describe()} has no field {name!r}"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What runs are given besides their parameters, shared by reference: `config.*`, `keystore.*`, all secrets' mask.

    `secret_config` names the secret members of `config`; the keystore's all are.
    """

    config: FrozenDict = field(default_factory=lambda: EMPTY_OBJECT)
    keystore: FrozenDict = field(default_factory=lambda: EMPTY_OBJECT)
    secret_config: frozenset[str] = frozenset()
    mask: Mask = field(default_factory=Mask)


NO_SURROUNDINGS = Surroundings()


StatusOf: TypeAlias = Callable[[str, int], str | None]


class RunFacts:
    """What stays the same through a whole run: its parameters, `system`, surroundings, and its tasks' names.

    `mask` keeps the run's secrets, `secrecy` tells what else of the run is secret. Of the parameters, those in
    `secret_parameters` are secret, those in `partly_secret` hold secrets. `status_of` gives the status of a task's last
    visit on a route, or on the nearest that led to it; None when it has not run.
    """

    __slots__ = (
        "mask", "parameters", "partly_secret", "secrecy", "secret_parameters", "status_of", "surroundings", "system",
        "task_names",
    )  # fmt: skip

    def __init__(  # noqa: PLR0913 - keywords, each optional, but for what every run has
        self,
        parameters: FrozenDict,
        system: FrozenDict,
        task_names: Iterable[str],
        *,
        surroundings: Surroundings = NO_SURROUNDINGS,
        mask: Mask | None = None,
        status_of: StatusOf = lambda _task, _route: None,
        secret_parameters: Iterable[Fields] = (),
        secrecy: Secrecy = NO_SECRECY,
    ) -> None:
        self.status_of = status_of
        self.parameters = parameters
        self.system = system
        self.task_names = frozenset(task_names)
        self.surroundings = surroundings
        self.mask = Mask() if mask is None else mask
        marked = frozenset(secret_parameters)
        self.secret_parameters = frozenset(fields[0] for fields in marked if len(fields) == 1)
        self.partly_secret = frozenset(fields[0] for fields in marked) | secrecy.parameters.keys()
        self.secrecy = secrecy
        for fields in sorted(marked):  # a set has another order in every process
            self.mask.see(within(parameters, fields))
        self.mask.see(secrecy.constants)
        self.mask.see(of_origins(secrecy.parameters, parameters))
        self.mask.see(of_origins(secrecy.config, surroundings.config))

    def see_input(self, task: str, rendered: FrozenDict) -> None:
        """Take what a task's input gives to secret parameters, as it has been rendered."""
        for fields in sorted(self.secrecy.inputs.get(task, ())):
            self.mask.see(within(rendered, fields))


SecretNames: TypeAlias = "tuple[Map[str, Secret], Map[str, Secret]]"
NO_SECRETS: "Map[str, Secret]" = Map()


class Snapshot:
    """What a run's context was at one version: immutable, shared by every item that started from it.

    A snapshot is a scope for expressions. It holds references only; making one costs the same whatever it holds.
    """

    __slots__ = (
        "_names", "facts", "readings", "route", "secret_tasks", "secret_variables", "tasks", "variables", "version",
    )  # fmt: skip

    def __init__(  # noqa: PLR0913 - what a snapshot refers to; the last two are optional
        self,
        version: int,
        facts: RunFacts,
        variables: "Map[str, Data]",
        tasks: "Map[str, TaskRecord]",
        secrets: SecretNames = (NO_SECRETS, NO_SECRETS),
        *,
        route: int = 0,
    ) -> None:
        self.version = version
        self.route = route
        self.facts = facts
        self.variables = variables
        self.tasks = tasks
        # The variables, and the tasks' records, that hold secrets.
        self.secret_variables, self.secret_tasks = secrets
        self._names: dict[str, Namespace | Guarded] | None = None
        # What the templates of a fan-out have read, for all its items.
        self.readings: dict[Read, tuple[Any, ...]] = {}

    def resolve(self, name: str) -> Any:
        """Return a namespace, else the workflow's variable of that name, else `ABSENT`."""
        names = self._names
        if names is None:
            names = self._names = self._namespaces()
        namespace = names.get(name)
        if namespace is not None:
            return namespace
        if name in RESERVED_NAMES:
            return ABSENT
        secret = self.secret_variables.get(name)
        if secret is not None:
            return GuardedValue(self.variables[name], secret)
        return self.variables.get(name, ABSENT)

    def read_once(self, read: Read) -> tuple[Any, ...]:
        return read(self)

    def _namespaces(self) -> dict[str, Namespace | Guarded]:
        facts, given = self.facts, self.facts.surroundings
        variables = _guarded(Namespace("workflow", self.variables), self.secret_variables)
        tasks = _guarded(TaskNamespace(self.tasks, facts.task_names), self.secret_tasks)
        secret = Secret(facts.mask)
        parameters = {
            **_holding(facts.mask, facts.parameters, facts.partly_secret),
            **dict.fromkeys(facts.secret_parameters, secret),
        }
        config = {
            **_holding(facts.mask, given.config, facts.secrecy.config),
            **dict.fromkeys(given.secret_config, secret),
        }
        return {
            "parameters": _guarded(Namespace("parameters", facts.parameters), parameters),
            "workflow": variables,
            "vars": variables,
            "variables": variables,
            "task": tasks,
            "tasks": tasks,
            "config": _guarded(Namespace("config", given.config), config),
            "keystore": _guarded(Namespace("keystore", given.keystore), dict.fromkeys(given.keystore, secret)),
            "system": Namespace("system", self.facts.system),
        }

    def known_names(self) -> Iterable[str]:
        return (*NAMESPACES, *self.variables)

    def completion(self) -> Completion | None:
        return None

    def task_status(self, task: str, route: int | None) -> str | None:
        return self.facts.status_of(task, self.route if route is None else route)


NAMESPACES = ("parameters", "workflow", "vars", "variables", "task", "tasks", "config", "keystore", "system")
RESERVED_NAMES = frozenset({*NAMESPACES, "item", "index"})
"""Names that a bare variable never stands for: `workflow.NAME` reaches a variable that is called so."""


class ItemScope(msgspec.Struct, frozen=True, eq=False, gc=False):
    """What one item of a fan-out sees: three references, whatever the size of the context.

    A struct is made in less than half the time that a class with slots takes. The garbage collector need not know of
    it: nothing that it refers to leads back to it.
    """

    snapshot: Snapshot
    item: Data
    index: int

    def __repr__(self) -> str:
        return f"<ItemScope of item {self.index}>"  # the item itself may be a secret

    @property
    def facts(self) -> RunFacts:
        """What stays the same through the whole run."""
        return self.snapshot.facts

    def resolve(self, name: str) -> Any:
        if name == "item":
            mask = self.snapshot.facts.mask
            return _guarded_value(self.item, mask) if mask.seen else self.item
        if name == "index":
            return self.index
        return self.snapshot.resolve(name)

    def read_once(self, read: Read) -> tuple[Any, ...]:
        """Return what has been read for another item of the same snapshot: that never changes."""
        readings = self.snapshot.readings
        values = readings.get(read)
        if values is None:
            values = readings[read] = read(self.snapshot)
        return values

    def known_names(self) -> Iterable[str]:
        return ("item", "index", *self.snapshot.known_names())

    def completion(self) -> Completion | None:
        return None

    def task_status(self, task: str, route: int | None) -> str | None:
        return self.snapshot.task_status(task, route)


class CompletionScope:
    """A snapshot, or an item's scope, in which a task or a try has just ended; `error` is for `on_error`."""

    __slots__ = ("_completion", "_error", "_scope")

    def __init__(
        self, scope: Snapshot | ItemScope, outcome: str, result: Data, error: FrozenDict | None = None
    ) -> None:
        self._scope = scope
        mask = scope.facts.mask
        self._completion = Completion(outcome, _guarded_value(result, mask))
        self._error = _guarded_value(error, mask)

    def resolve(self, name: str) -> Any:
        if name == "error" and self._error is not None:
            return self._error
        return self._scope.resolve(name)

    def read_once(self, read: Read) -> tuple[Any, ...]:
        return read(self)

    def known_names(self) -> Iterable[str]:
        return self._scope.known_names()

    def completion(self) -> Completion | None:
        return self._completion

    def task_status(self, task: str, route: int | None) -> str | None:
        return self._scope.task_status(task, route)


class Context:
    """The one authoritative context of a run; only its conductor changes it.

    `weight` is about the bytes of all values held; `snapshots` counts the snapshots taken.
    """

    __slots__ = ("_snapshot", "snapshots", "weight")

    def __init__(self, facts: RunFacts) -> None:
        self._snapshot = Snapshot(0, facts, Map(), Map())
        self.weight = weigh(facts.parameters) + weigh(facts.system)
        self.snapshots = 0

    @property
    def now(self) -> Snapshot:
        """The context as it is at this moment, to evaluate the run's own expressions in."""
        return self._snapshot

    def snapshot(self) -> Snapshot:
        """Take a snapshot for a task that starts: O(1), and counted."""
        self.snapshots += 1
        return self._snapshot

    def publish(self, name: str, value: Data) -> None:
        """Set a workflow variable; a value replaces an earlier one, and snapshots taken before keep theirs."""
        before = self._snapshot
        replaced = before.variables.get(name)
        mask, origins = before.facts.mask, before.facts.secrecy.variables
        for fields in sorted(origins.get(name, ())):
            mask.see(within(value, fields))
        self.weight += weigh(value) - (weigh(replaced) if name in before.variables else 0)
        secrets = _with(before.secret_variables, name, mask.source_of(value))
        self._replace(before.variables.set(name, value), before.tasks, (secrets, before.secret_tasks))

    def record_task(self, record: TaskRecord) -> None:
        """Set what `task.NAME` reads from now on."""
        before = self._snapshot
        earlier = before.tasks.get(record.name)
        self.weight += _record_weight(record) - (_record_weight(earlier) if earlier else 0)
        mask, origins = before.facts.mask, before.facts.secrecy.tasks
        for fields in sorted(origins.get(record.name, ())):
            mask.see(_within_record(record, fields))
        source = mask.source_of(record.result) or mask.source_of(record.errors)
        secrets = _with(before.secret_tasks, record.name, source)
        self._replace(before.variables, before.tasks.set(record.name, record), (before.secret_variables, secrets))

    def _replace(self, variables: "Map[str, Data]", tasks: "Map[str, TaskRecord]", secrets: SecretNames) -> None:
        before = self._snapshot
        self._snapshot = Snapshot(before.version + 1, before.facts, variables, tasks, secrets)


def _record_weight(record: TaskRecord) -> int:
    return weigh(record.result) + weigh(record.errors)


def _within_record(record: TaskRecord, fields: Fields) -> Iterator[Any]:
    read = {"result": record.result, "data": record.result, "errors": record.errors}
    return within(read, fields) if fields else within(record.result, ())


def _holding(mask: Mask, values: FrozenDict, names: Iterable[str]) -> dict[str, Secret]:
    """Return the names, of these, whose values hold secrets, with their source."""
    sources = {name: mask.source_of(values.get(name)) for name in names}
    return {name: source for name, source in sources.items() if source is not None}


def _guarded(namespace: Namespace, secrets: Mapping[str, Secret]) -> Namespace | Guarded:
    return GuardedNamespace(namespace, secrets) if secrets else namespace


def _guarded_value(value: Any, mask: Mask) -> Any:
    """Return the value, guarded if it holds a secret."""
    secret = mask.source_of(value)
    return value if secret is None else GuardedValue(value, secret)


def _with(secrets: "Map[str, Secret]", name: str, secret: Secret | None) -> "Map[str, Secret]":
    if secret is not None:
        return secrets.set(name, secret)
    return secrets.delete(name) if name in secrets else secrets
