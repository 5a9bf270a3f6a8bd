"""The names that a rule's expressions read: the event, and what all runs share."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from stretto.definitions.context import NO_ENVIRONMENT, Mask, OpenKeys, RunEnvironment, Secret
from stretto.definitions.expressions import (
    ABSENT,
    Completion,
    Guarded,
    GuardedNamespace,
    Moment,
    Namespace,
    Read,
    Readable,
)
from stretto.definitions.rules.event import Event, RuleDialect

_NO_KEYS: Any = {}


class _Keys(Guarded):
    """The key-value store: the names of the scope `system`, or the scopes themselves."""

    __slots__ = ("_mask", "_scope")

    def __init__(self, mask: Mask, scope: str | None = None) -> None:
        self._mask = mask
        self._scope = scope

    def open(self, notes: Any) -> Readable:
        keys = OpenKeys(_NO_KEYS, self._mask, notes)
        return keys if self._scope is None else _Scopes(keys)


class _Scopes(Readable):
    """`st2kv`, whose only field is the scope `system`."""

    __slots__ = ("_system",)

    def __init__(self, system: OpenKeys) -> None:
        self._system = system

    def read(self, name: str) -> Any:
        return self._system if name == "system" else ABSENT

    def names(self) -> Iterable[str]:
        return ("system",)

    def describe(self) -> str:
        return "the namespace 'st2kv'"


class _Pack(Guarded):
    """`pack` of Attune, whose only field is the configuration."""

    __slots__ = ("_config",)

    def __init__(self, config: Guarded) -> None:
        self._config = config

    def open(self, notes: Any) -> Readable:
        return Namespace("pack", {"config": self._config.open(notes)})


class EventScope:
    """The scope of one rule's expressions for one event.

    Args:
        event: The event.
        dialect: The language of the rule.
        environment: The keystore and the configuration of its pack.
        mask: Learns the secrets that expressions read.
    """

    __slots__ = ("_dialect", "_environment", "_event", "_mask", "_names")

    def __init__(
        self, event: Event, dialect: RuleDialect, environment: RunEnvironment = NO_ENVIRONMENT, mask: Mask | None = None
    ) -> None:
        self._event = event
        self._dialect = dialect
        self._environment = environment
        self._mask = Mask() if mask is None else mask
        self._names: dict[str, Any] = {}

    def resolve(self, name: str) -> Any:
        """Return the value of a name, or `ABSENT`."""
        found = self._names.get(name, ABSENT)
        if found is ABSENT and (make := NAMES[self._dialect].get(name)) is not None:
            found = self._names[name] = make(self)
        return found

    def read_once(self, read: Read) -> tuple[Any, ...]:
        """Return `read(self)`."""
        return read(self)

    def known_names(self) -> Iterable[str]:
        """Return the names that `resolve` knows."""
        return NAMES[self._dialect].keys()

    def completion(self) -> Completion | None:
        """Return None: no task has ended."""
        return None

    def task_status(self, task: str, route: int | None) -> str | None:  # noqa: ARG002 - there are no tasks
        """Return None."""
        return None

    def task_execution(self, task: str, route: int | None) -> None:  # noqa: ARG002 - same
        """Return None."""
        return

    # ---- the names

    def payload(self) -> Any:
        """Return the payload."""
        return self._event.payload

    def facts(self) -> Any:
        """Return the namespace `event`."""
        event = self._event
        at = Moment(event.at).now()
        return Namespace(
            "event",
            {
                "id": event.id, "type": event.type, "payload": event.payload, "headers": event.headers,
                "source": event.source, "at": at, "created": at, "parameters": event.parameters,
            },
        )  # fmt: skip

    def keystore(self) -> Any:
        """Return the namespace `keystore`, whose members are secret."""
        given = self._environment.keystore
        return GuardedNamespace(Namespace("keystore", given), Secret(self._mask))

    def config(self) -> Any:
        """Return the namespace `config`."""
        environment = self._environment
        secrets = dict.fromkeys(environment.secret_config, Secret(self._mask))
        return GuardedNamespace(Namespace("config", environment.config), secrets)

    def keys(self) -> Any:
        """Return the namespace `kv`."""
        return _Keys(self._mask)

    def stackstorm_keys(self) -> Any:
        """Return the namespace `st2kv`."""
        return _Keys(self._mask, "system")

    def system(self) -> Any:
        """Return the namespace `system` of Attune."""
        now = Moment(self._event.at).now()
        return Namespace("system", {"timestamp": now, "now": now})

    def pack(self) -> Any:
        """Return the namespace `pack` of Attune: its configuration."""
        return _Pack(self.config())


NAMES: Final[Mapping[RuleDialect, Mapping[str, Callable[[EventScope], Any]]]] = {
    "native": {
        "event": EventScope.facts, "payload": EventScope.payload, "keystore": EventScope.keystore,
        "config": EventScope.config, "kv": EventScope.keys,
    },
    "stackstorm": {
        "trigger": EventScope.payload, "st2kv": EventScope.stackstorm_keys, "config_context": EventScope.config,
    },
    "attune": {
        "event": EventScope.facts, "payload": EventScope.payload, "pack": EventScope.pack,
        "system": EventScope.system, "keystore": EventScope.keystore,
    },
}  # fmt: skip
"""The names of each language of rules."""
