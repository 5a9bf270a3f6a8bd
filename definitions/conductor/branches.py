"""A branch's context: what its tasks see, where what is published belongs to the branch that follows.

A branch holds two views of the same values: `variables`, what its tasks see; and `deltas`, what was published on its
way, which a join lays over the other branches' variables in the order of their arrival. Both are persistent maps: a
branch that goes on shares all but what it changes, and a join of a branch costs what was published on its way, not what
the context holds.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Final, TypeAlias

from immutables import Map

from stretto.definitions.context import NO_SECRETS, Secret
from stretto.definitions.data import Data, FrozenDict, object_of

Variables: TypeAlias = "Map[str, Data]"
SourceOf: TypeAlias = Callable[[Data], Secret | None]
"""Gives the source of secrets that a value holds, or None."""


class Branch:
    """An immutable branch: `variables` are its initial ones with `deltas` laid over them, one after the other.

    `secrets` names the variables that hold secrets.
    """

    __slots__ = ("deltas", "secrets", "variables")

    def __init__(
        self, variables: Variables, deltas: tuple[Variables, ...] = (), secrets: "Map[str, Secret]" = NO_SECRETS
    ) -> None:
        self.variables = variables
        self.deltas = deltas
        self.secrets = secrets

    def published(self, values: Mapping[str, Data], source_of: SourceOf) -> "Branch":
        """Return the branch that follows when `values` are published: objects merge, all else replaces."""
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
        """Return the branch as a run begins with it: what it holds is no delta, and no join lays it over another."""
        return Branch(self.variables, (), self.secrets)

    def joined(self, other: "Branch") -> "Branch":
        """Return this branch with what was published on the way of a later one laid over it."""
        variables, deltas = self.variables, self.deltas
        for delta in other.deltas:
            variables, deltas = laid_over(variables, delta), _appended(deltas, delta)
        return Branch(variables, deltas, self.secrets.update(other.secrets) if other.secrets else self.secrets)


NO_BRANCH: Final = Branch(Map())
"""The branch of a run that publishes into one namespace, and what ends in no terminal task."""


def joined(branches: Iterable[Branch]) -> Branch:
    """Return the first branch with the others laid over it in their order; of none, an empty one."""
    rest = iter(branches)
    branch = next(rest, NO_BRANCH)
    for other in rest:
        branch = branch.joined(other)
    return branch


def laid_over(variables: Variables, values: Mapping[str, Data]) -> Variables:
    """Return `variables` with `values` laid over them: objects merge, all else replaces."""
    changed = variables.mutate()
    for name, value in values.items():
        changed[name] = merged(variables[name], value) if name in variables else value
    return changed.finish()


def merged(under: Data, over: Data) -> Data:
    """Return two objects merged at every depth; of anything else, `over`."""
    if not isinstance(under, FrozenDict) or not isinstance(over, FrozenDict):
        return over
    members = dict(under)
    for key, value in over.items():
        members[key] = merged(under[key], value) if key in under else value
    return object_of(members)


def _appended(deltas: tuple[Variables, ...], delta: Variables) -> tuple[Variables, ...]:
    """Return the deltas with one more, merged into the last where that comes to the same.

    It does not where an object follows something else: it replaces that, and must not merge with what lies under both.
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
