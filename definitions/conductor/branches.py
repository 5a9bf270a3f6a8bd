"""A branch's context, for workflows that publish to the branch that follows.

A branch has two views of the same values. Its tasks see `variables`. `deltas` are the values published on its way: a
join lays them over the other branches' variables, in the order of arrival. Both are persistent maps. A branch shares
all values that it does not change, and the cost of a join depends on the published values, not on the whole context.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Final, TypeAlias

from immutables import Map

from stretto.definitions.context import NO_SECRETS, Secret
from stretto.definitions.data import Data, FrozenDict, object_of

Variables: TypeAlias = "Map[str, Data]"
SourceOf: TypeAlias = Callable[[Data], Secret | None]
"""Returns the source of the secrets in a value, or None."""


class Branch:
    """An immutable branch: `variables` are its initial variables with `deltas` laid over them in order.

    `secrets` names the variables that contain secrets.
    """

    __slots__ = ("deltas", "secrets", "variables")

    def __init__(
        self, variables: Variables, deltas: tuple[Variables, ...] = (), secrets: "Map[str, Secret]" = NO_SECRETS
    ) -> None:
        self.variables = variables
        self.deltas = deltas
        self.secrets = secrets

    def published(self, values: Mapping[str, Data], source_of: SourceOf) -> "Branch":
        """Return the branch that follows when `values` are published. Objects merge, other values replace."""
        if not values:
            return self
        variables = laid_over(self.variables, values)
        secrets = self.secrets
        for name in values:
            secret = source_of(variables[name])
            if secret is not None:
                secrets = secrets.set(name, secret)
            elif name in secrets:
                secrets = secrets.delete(name)
        return Branch(variables, _appended(self.deltas, Map(values)), secrets)

    def as_first(self) -> "Branch":
        """Return the branch without deltas, as a run begins with it: no join lays it over another branch."""
        return Branch(self.variables, (), self.secrets) if self.deltas else self

    def joined(self, other: "Branch") -> "Branch":
        """Return this branch with the deltas of a later one laid over it."""
        variables, deltas = self.variables, self.deltas
        for delta in other.deltas:
            variables, deltas = laid_over(variables, delta), _appended(deltas, delta)
        return Branch(variables, deltas, self.secrets.update(other.secrets) if other.secrets else self.secrets)


NO_BRANCH: Final = Branch(Map())
"""The branch of a run that publishes into one namespace, and of a run without a terminal task."""


def joined(branches: Iterable[Branch]) -> Branch:
    """Return the first branch with the others laid over it in order, or an empty branch if there are none."""
    rest = iter(branches)
    branch = next(rest, NO_BRANCH)
    for other in rest:
        branch = branch.joined(other)
    return branch


def laid_over(variables: Variables, values: Mapping[str, Data]) -> Variables:
    """Return `variables` with `values` laid over them. Objects merge, other values replace."""
    changed = variables.mutate()
    for name, value in values.items():
        changed[name] = merged(variables[name], value) if name in variables else value
    return changed.finish()


def merged(under: Data, over: Data) -> Data:
    """Return two objects merged at every depth, or `over` if one of the values is not an object."""
    if not isinstance(under, FrozenDict) or not isinstance(over, FrozenDict):
        return over
    members = dict(under)
    for key, value in over.items():
        members[key] = merged(under[key], value) if key in under else value
    return object_of(members)


def _appended(deltas: tuple[Variables, ...], delta: Variables) -> tuple[Variables, ...]:
    """Return the deltas with one more, merged into the last one where the result is the same.

    It differs if an object follows another kind of value: it must replace that value, not merge with an earlier object.
    """
    if not deltas or any(name in deltas[-1] and _replaces(deltas[-1][name], over) for name, over in delta.items()):
        return (*deltas, delta)
    return (*deltas[:-1], laid_over(deltas[-1], delta))


def _replaces(under: Data, over: Data) -> bool:
    if not isinstance(over, FrozenDict):
        return False
    if not isinstance(under, FrozenDict):
        return True
    return any(key in under and _replaces(under[key], value) for key, value in over.items())
