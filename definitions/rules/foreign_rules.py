"""The parts that StackStorm's rules have in common with those of Attune."""

from collections.abc import Iterator
from typing import Final

from stretto.definitions.data import EMPTY_OBJECT, FrozenDict, compiled, freeze
from stretto.definitions.dialects import Reader
from stretto.definitions.errors import Place
from stretto.definitions.expressions import STACKSTORM_FILTERS, Constant, Site, Template
from stretto.definitions.rules.criteria import Comparison
from stretto.definitions.rules.operators import OPERATORS, REGULAR, WITHOUT_PATTERN
from stretto.definitions.rules.payload_paths import PayloadPath, read_path
from stretto.definitions.source import MapNode, Node, to_data

SITE: Final = Site(filters=STACKSTORM_FILTERS)


def read_inputs(reader: Reader, node: Node, what: str) -> Iterator[tuple[str, Template]]:
    """Yield the inputs of a rule's action."""
    mapping = reader.mapping(node, what)
    if mapping is not None:
        for name, member in mapping.members.items():
            yield name, reader.template(member, SITE)


def read_parameters_of_trigger(reader: Reader, node: Node, what: str) -> FrozenDict:
    """Return the parameters of a trigger, which have no expressions."""
    mapping = reader.mapping(node, what)
    frozen = EMPTY_OBJECT if mapping is None else freeze(to_data(mapping))
    return frozen if isinstance(frozen, FrozenDict) else EMPTY_OBJECT


def read_field(reader: Reader, text: str, place: Place, bases: tuple[str, ...]) -> PayloadPath | None:
    """Return the path of a criterion, or report that it is not one."""
    path = read_path(text)
    if path is None or path.base not in bases:
        reader.error(
            "bad_criterion", "a criterion must name a field of the event", place, found=repr(text),
            expected=" or ".join(f"{base}.NAME" for base in bases),
        )  # fmt: skip
        return None
    return path


def read_comparison(
    reader: Reader, path: PayloadPath, operator: str, pattern: Node | None, place: Place
) -> Comparison | None:
    """Return a criterion, or report what is wrong with its operator or its pattern."""
    if operator not in OPERATORS:
        reader.error(
            "unknown_operator", f"there is no operator {operator!r}", place, expected=", ".join(OPERATORS),
            hint=reader.nearest(operator, OPERATORS),
        )  # fmt: skip
        return None
    if pattern is None and operator not in WITHOUT_PATTERN:
        reader.warn("missing_pattern", f"{operator!r} without a pattern is met by no event", place)
    template: Template = Constant(None, place) if pattern is None else reader.template(pattern, SITE)
    if operator in REGULAR and isinstance(template, Constant) and isinstance(template.value, str):
        try:
            compiled(template.value)
        except ValueError as error:
            reader.error(
                "bad_pattern", f"the regular expression cannot be used: {error}", place,
                hint="patterns are those of RE2, which has no look-around and no back-references",
            )  # fmt: skip
            return None
    return Comparison(path, operator, template, place)


def key_place(node: MapNode, name: str) -> Place:
    """Return the place of a member's name."""
    return node.keys.get(name, node.place)
