"""Compiled objects and lists whose members contain expressions."""

from collections.abc import Iterator

from stretto.definitions.data import Data, check_bounds, list_of, object_of
from stretto.definitions.errors import ExpressionError, NotData, Place
from stretto.definitions.expressions.base.moment import Moment
from stretto.definitions.expressions.base.namespaces import Scope
from stretto.definitions.expressions.base.plain_values import Listed, Members
from stretto.definitions.expressions.compiled import Evaluate, compile_plain
from stretto.definitions.expressions.failures import shortened
from stretto.definitions.expressions.templates import Source, Template, Written


class ObjectTemplate(Written):
    """An object whose members contain expressions. Its keys are never rendered."""

    __slots__ = ("evaluate", "members", "place", "plain", "quick")

    def __init__(self, members: dict[str, Template], place: Place) -> None:
        self.members = members
        self.place = place
        plain = {key: member.plain for key, member in members.items() if isinstance(member, Written) and member.plain}
        self.plain = Members(plain) if len(plain) == len(members) else None
        self.evaluate: Evaluate[Data]
        self.evaluate, self.quick = compile_plain(self.plain, self.evaluate_in_full)

    def evaluate_in_full(self, scope: Scope, moment: Moment) -> Data:
        """Evaluate the members one by one."""
        return _within_bounds(
            object_of({key: each.evaluate(scope, moment) for key, each in self.members.items()}), self
        )

    def _written(self) -> tuple[object, ...]:
        return list(self.members.items()), self.place

    def expressions(self) -> Iterator[Source]:
        """Yield the expressions of all members."""
        for member in self.members.values():
            yield from member.expressions()


class ListTemplate(Written):
    """A list whose members contain expressions."""

    __slots__ = ("evaluate", "members", "place", "plain", "quick")

    def __init__(self, members: list[Template], place: Place) -> None:
        self.members = members
        self.place = place
        plain = tuple(member.plain for member in members if isinstance(member, Written) and member.plain)
        self.plain = Listed(plain) if len(plain) == len(members) else None
        self.evaluate: Evaluate[Data]
        self.evaluate, self.quick = compile_plain(self.plain, self.evaluate_in_full)

    def evaluate_in_full(self, scope: Scope, moment: Moment) -> Data:
        """Evaluate the members one by one."""
        return _within_bounds(list_of(member.evaluate(scope, moment) for member in self.members), self)

    def _written(self) -> tuple[object, ...]:
        return self.members, self.place

    def expressions(self) -> Iterator[Source]:
        """Yield the expressions of all members."""
        for member in self.members:
            yield from member.expressions()


def _within_bounds(data: Data, template: "ObjectTemplate | ListTemplate") -> Data:
    try:
        return check_bounds(data)
    except NotData as error:
        source = next((each.source for each in template.expressions()), "")
        raise ExpressionError(shortened(source), template.place, str(error)) from None
