"""The filter `groupby`, as Jinja defines it. Jinja's own reads the attribute of each member four times."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any, NamedTuple

from jinja2.filters import ignore_case, make_attrgetter

from stretto.definitions.expressions.base.bounds import CHANGED


class Group(NamedTuple):
    """The members of a list that have the same value of an attribute."""

    grouper: Any
    list: list[Any]

    def __repr__(self) -> str:
        """Return the text of a plain tuple, as Jinja's group does."""
        return tuple.__repr__(self)


def group_members(
    context: Any,
    values: list[Any],
    attribute: str | int,
    default: Any = None,
    case_sensitive: bool = False,  # noqa: FBT001, FBT002 - the parameters of Jinja's filter
) -> list[Group]:
    """Return the members of a list in groups, ordered by an attribute. Pays for comparing its values.

    Args:
        context: The context of the evaluation.
        values: The members, which are paid for.
        attribute: The path of the attribute, or the index, that members are grouped by.
        default: The attribute's value in members that lack it. With None, they are an error.
        case_sensitive: Whether texts that differ only in case are in different groups.

    Returns:
        The groups. `grouper` is the value in the first member of a group.
    """
    read = make_attrgetter(context.environment, attribute, default=default)
    found = [read(value) for value in values]
    keys = found
    if not case_sensitive:
        context.fuel.burn(sum(len(key) // CHANGED for key in found if isinstance(key, str)))
        keys = [ignore_case(key) for key in found]
    context.fuel.order(found)
    order = sorted(range(len(keys)), key=keys.__getitem__)
    members, groups, begin = [values[index] for index in order], list[Group](), 0
    for end in _ends([keys[index] for index in order]):
        groups.append(Group(found[order[begin]], members[begin:end]))
        begin = end
    return groups


def _ends(keys: list[Any]) -> Iterator[int]:
    """Yield the end of each group of equal keys."""
    for end, (last, key) in enumerate(pairwise(keys), 1):
        if key is not last and key != last:
            yield end
    if keys:
        yield len(keys)
