"""The part of a run's context that never changes, and the data that all runs share."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from stretto.definitions.context.masking import Mask
from stretto.definitions.context.secrecy import NO_SECRECY, Fields, Secrecy, of_origins, within
from stretto.definitions.context.visit_facts import NO_VISITS, VisitFacts
from stretto.definitions.data import EMPTY_OBJECT, FrozenDict
from stretto.definitions.expressions import DEFAULT_LIMITS, ExpressionLimits


@dataclass(frozen=True, slots=True)
class RunEnvironment:
    """Data that all runs share by reference.

    Attributes:
        config: The `config` namespace.
        keystore: The `keystore` namespace. All its members are secret.
        secret_config: The names of the secret members of `config`.
        mask: The mask of all these secrets.
    """

    config: FrozenDict = field(default_factory=lambda: EMPTY_OBJECT)
    keystore: FrozenDict = field(default_factory=lambda: EMPTY_OBJECT)
    secret_config: frozenset[str] = frozenset()
    mask: Mask = field(default_factory=Mask)


NO_ENVIRONMENT = RunEnvironment()
NO_NAMES: Final[frozenset[str]] = frozenset()
"""The same for all runs: an empty set of their own has 216 bytes."""


class RunFacts:
    """The part of a run's context that never changes.

    Attributes:
        parameters: The `parameters` namespace.
        system: The `system` namespace, or a function that returns it. Few runs read it, so it is made on demand.
        task_names: The names of all tasks.
        surroundings: The data that all runs share.
        mask: The run's secrets.
        secrecy: The values that the workflow passes to secret parameters.
        secret_parameters: The names of the secret parameters.
        partly_secret: The names of the parameters that contain secrets.
        visits: The visits so far, as functions of expressions read them.
        limits: The limits on the run's expressions.
    """

    __slots__ = (
        "_system", "limits", "mask", "parameters", "partly_secret", "secrecy", "secret_parameters",
        "surroundings", "task_names", "visits",
    )  # fmt: skip

    def __init__(  # noqa: PLR0913 - keyword arguments, of which the first three are required
        self,
        parameters: FrozenDict,
        system: FrozenDict | Callable[[], FrozenDict],
        task_names: Iterable[str],
        *,
        surroundings: RunEnvironment = NO_ENVIRONMENT,
        mask: Mask | None = None,
        visits: VisitFacts = NO_VISITS,
        secret_parameters: Iterable[Fields] = (),
        secrecy: Secrecy = NO_SECRECY,
        limits: ExpressionLimits = DEFAULT_LIMITS,
    ) -> None:
        self.limits = limits
        self.visits = visits
        self.parameters = parameters
        self._system = system
        self.task_names = frozenset(task_names)
        self.surroundings = surroundings
        self.mask = Mask() if mask is None else mask
        self.secrecy = secrecy
        self.secret_parameters = self.partly_secret = NO_NAMES
        marked = frozenset(secret_parameters)
        if marked or secrecy is not NO_SECRECY:
            self._see_secrets(marked)

    @property
    def system(self) -> FrozenDict:
        """The `system` namespace."""
        system = self._system
        if not isinstance(system, FrozenDict):
            system = self._system = system()
        return system

    def _see_secrets(self, marked: frozenset[Fields]) -> None:
        """Add the secrets that are known at the run's start to the mask."""
        parameters, secrecy = self.parameters, self.secrecy
        self.secret_parameters = frozenset(fields[0] for fields in marked if len(fields) == 1) or NO_NAMES
        self.partly_secret = (frozenset(fields[0] for fields in marked) | secrecy.parameters.keys()) or NO_NAMES
        for fields in sorted(marked):  # a set's order differs between processes
            self.mask.see(within(parameters, fields))
        self.mask.see(secrecy.constants)
        self.mask.see(of_origins(secrecy.parameters, parameters))
        self.mask.see(of_origins(secrecy.config, self.surroundings.config))

    def see_input(self, task: str, rendered: FrozenDict) -> None:
        """Add the secrets in a rendered input of a task to the mask."""
        for fields in sorted(self.secrecy.inputs.get(task, ())):
            self.mask.see(within(rendered, fields))
