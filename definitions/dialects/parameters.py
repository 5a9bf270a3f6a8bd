"""Reading `parameters`: a flat schema, one entry a parameter."""

from typing import cast, get_args

from stretto.definitions.dialects.reading import NAME, NAME_RULE, Fields, Reader
from stretto.definitions.frozen import Data, freeze
from stretto.definitions.model import Parameter, ParameterType
from stretto.definitions.parameters import problems_of
from stretto.definitions.yaml_source import MapNode, Node, to_data

_TYPES = tuple(kind for kind in get_args(ParameterType) if kind != "any")


def read_parameters(reader: Reader, node: Node) -> list[Parameter]:
    """Return the parameters of a workflow."""
    mapping = reader.mapping(node, "'parameters' of the workflow")
    parameters = []
    for name, member in (mapping.members if mapping is not None else {}).items():
        if not NAME.match(name) and mapping is not None:
            reader.error(
                "bad_name",
                "a parameter's name is no name",
                mapping.keys[name],
                found=repr(name),
                expected=NAME_RULE,
            )
            continue
        schema = reader.mapping(member, f"the parameter {name!r}")
        if schema is not None:
            parameters.append(_parameter(reader, schema, name, f"the parameter {name!r}"))
    return parameters


def _parameter(reader: Reader, node: MapNode, name: str, what: str) -> Parameter:
    fields = Fields(reader, node, what)
    kind = "any"
    for member, told in fields.given("type"):
        kind = reader.choice(member, told, _TYPES) or kind
    required = any(reader.boolean(member, told) for member, told in fields.given("required"))
    secret = any(reader.boolean(member, told) for member, told in fields.given("secret"))
    description = next((reader.text(m, told) or "" for m, told in fields.given("description")), "")
    enum: tuple[Data, ...] = ()
    for member, told in fields.given("enum"):
        enum = tuple(freeze(to_data(each)) for each in reader.sequence(member, told))
    bounds: dict[str, float | None] = {"minimum": None, "maximum": None}
    for short, long in (("min", "minimum"), ("max", "maximum")):
        for spelling in (short, long, f"{short}_length"):
            for member, told in fields.given(spelling):
                bounds[long] = reader.number(member, told)
    items = next(
        (_parameter(reader, m, "", f"'items' of {what}") for m, _ in fields.given("items") if isinstance(m, MapNode)),
        None,
    )
    default_node = fields.take("default")
    default = freeze(to_data(default_node)) if default_node is not None else None
    fields.finish(lambda _name: None)
    parameter = Parameter(
        name=name,
        type=cast("ParameterType", kind),
        place=node.place,
        required=required,
        default=default,
        enum=enum,
        secret=secret,
        minimum=bounds["minimum"],
        maximum=bounds["maximum"],
        items=items,
        description=description,
    )
    if default_node is not None:
        if required:
            reader.warn("useless_default", f"{what} is required: its default is never used", default_node.place)
        for problem in problems_of(parameter, default) if default is not None else ():
            reader.error("bad_default", f"the default does not fit: {problem}", default_node.place)
    return parameter
