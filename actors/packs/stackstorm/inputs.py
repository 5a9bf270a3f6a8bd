"""The input of a StackStorm action: the given values, and defaults that may hold expressions."""

import time
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from stretto.actors.actions import ActionFailed, ReadKey
from stretto.actors.packs.stackstorm.schema import CONFIG, PREFIX
from stretto.actors.packs.stackstorm.stored_names import stored_key
from stretto.definitions.data import Data, FrozenDict, freeze, object_of
from stretto.definitions.errors import ExpressionError
from stretto.definitions.expressions import ABSENT, Completion, InFull, Moment, Namespace, Read, Template
from stretto.definitions.model import Parameter, cast, problems_of


class Inputs:
    """The parameters of an action and its runner, which check and complete an input."""

    def __init__(
        self,
        parameters: Mapping[str, Parameter],
        computed: Mapping[str, Template],
        stored: Collection[str] = (),
        config: Callable[[], Mapping[str, Data]] = dict,
    ) -> None:
        """Keep the parameters.

        Args:
            parameters: All of them.
            computed: The defaults with expressions, which may read all parameters.
            stored: Those of them that read the key-value store.
            config: Returns the pack's configuration.
        """
        self._parameters = parameters
        self._computed = computed
        self._stored = tuple(stored)
        self._config = config

    def default(self, name: str, otherwise: Any) -> Any:
        """Return the default of a parameter, or another value if it has none."""
        parameter = self._parameters.get(name)
        return otherwise if parameter is None or parameter.default is None else parameter.default

    def find_problems(self, given: Mapping[str, Any]) -> list[str]:
        """Return one sentence for each problem of the given values."""
        return [
            problem
            for name, value in given.items()
            for problem in problems_of(self._parameters[name], cast(self._parameters[name], freeze(value)))
        ]

    def complete(self, given: Mapping[str, Any]) -> dict[str, Data]:
        """Return the value of every parameter.

        Raises:
            ActionFailed: A default cannot be evaluated, or its value is invalid.
        """
        values = {name: cast(self._parameters[name], freeze(value)) for name, value in given.items()}
        scope = _Given(values, self._parameters, self._computed, self._config)
        try:
            return {name: scope.resolve(name) for name in self._parameters}
        except ExpressionError as error:
            raise ActionFailed(f"a default cannot be evaluated: {error}") from None

    def with_stored(self, given: Mapping[str, Any], keys: ReadKey) -> FrozenDict:
        """Return an input with the defaults that read the key-value store.

        Args:
            given: The input.
            keys: Reads a key.

        Raises:
            ActionFailed: There is no such key, it is secret and not decrypted, or a default is invalid.
        """
        values = {name: cast(self._parameters[name], freeze(value)) for name, value in given.items()}
        scope = _Given(values, self._parameters, self._computed, self._config, keys)
        found: dict[str, Data] = dict(given)
        for name in self._stored:
            if name not in given:
                try:
                    found[name] = scope.resolve(name)
                except ExpressionError as error:
                    raise ActionFailed(
                        f"the default of {name!r} cannot be evaluated: {scope.absent or error}"
                    ) from None
        return object_of(found)


class _Given:
    """The scope of a default: the parameters, each evaluated at its first read."""

    def __init__(
        self,
        values: dict[str, Data],
        parameters: Mapping[str, Parameter],
        computed: Mapping[str, Template],
        config: Callable[[], Mapping[str, Data]],
        keys: ReadKey | None = None,
    ) -> None:
        self._values = values
        self._parameters = parameters
        self._computed = computed
        self._config = config
        self._keys = keys
        self.absent = ""
        """The last key that was not there, as a sentence."""
        self._begun: set[str] = set()

    def resolve(self, name: str) -> Any:
        name = name.removeprefix(PREFIX)
        parameter = self._parameters.get(name)
        if parameter is None:
            return self._beside(name)
        if name not in self._values:
            self._values[name] = self._default(parameter)
        return self._values[name]

    def _beside(self, name: str) -> Any:
        """Return a value that is no parameter: the pack's configuration, or a key."""
        if name == CONFIG:
            return Namespace(CONFIG, self._config())
        stored = stored_key(name)
        if stored is None or self._keys is None:
            return ABSENT
        key, decrypted = stored
        found = self._keys(key)
        if found is None:
            self.absent = f"there is no key {key!r} in the scope 'system': set it, or give the input"
            return ABSENT
        if found.secret and not decrypted:
            raise ActionFailed(f"the key {key!r} is secret: a default reads it as st2kv.system.{key} | decrypt_kv")
        return freeze(found.value)

    def read_once(self, _read: Read) -> tuple[Any, ...]:
        raise InFull  # a second evaluation of a failing default would look like a circular default

    def known_names(self) -> Iterable[str]:
        return self._parameters

    def completion(self) -> Completion | None:
        return None

    def task_status(self, _task: str, _route: int | None) -> str | None:
        return None

    def task_execution(self, _task: str, _route: int | None) -> None:
        return None

    def _default(self, parameter: Parameter) -> Data:
        template = self._computed.get(parameter.name)
        if template is None:
            return parameter.default
        if parameter.name in self._begun:
            raise ActionFailed(f"the default of {parameter.name!r} depends on itself")
        self._begun.add(parameter.name)
        value = cast(parameter, template.evaluate(self, Moment(time.time(), parameter.name)))
        # The value may come from a secret key, and a part of it would not be masked: it is not shown.
        if problems := list(problems_of(parameter, value, secret=True)):
            raise ActionFailed(f"a default is invalid: {'; '.join(problems)}")
        return value
