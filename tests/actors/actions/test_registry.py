import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NewType, TypedDict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stretto.actors.actions import (
    Action,
    ActionFailed,
    ActionParameter,
    ActionRegistry,
    CannotLoadActions,
    DuplicateAction,
    InvalidAction,
    InvalidActionInput,
    UnknownAction,
    action,
    registry,
)
from stretto.definitions.data.frozen import freeze
from stretto.definitions.errors import StrettoError

if TYPE_CHECKING:
    from decimal import Decimal


@pytest.fixture(autouse=True)
def _own_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_table", dict(registry._table))


@pytest.fixture
def actions() -> ActionRegistry:
    return ActionRegistry.registered()


def parameters(ref: str) -> dict[str, ActionParameter]:
    return {parameter.name: parameter for parameter in ActionRegistry.registered().get(ref).parameters}


def problems(checked: Action, values: Mapping[str, Any]) -> tuple[str, ...]:
    try:
        checked.check(values)
    except InvalidActionInput as error:
        return error.problems
    return ()


def test_the_decorator_registers_and_returns_the_function_unchanged(actions: ActionRegistry) -> None:
    """`@action` makes a function known under its ref and leaves it the very same object."""

    def parse(line: str) -> str:
        return line

    assert action("ops.parse-line_2.fast")(parse) is parse
    registered = actions.get("ops.parse-line_2.fast")
    assert registered.function is parse
    assert registered.runner == "thread"


def test_an_async_function_runs_on_the_loop(actions: ActionRegistry) -> None:
    """A coroutine function gets the runner "async"."""

    @action("ops.fetch")
    async def fetch() -> None: ...

    assert actions.get("ops.fetch").runner == "async"


@pytest.mark.parametrize("ref", ["", "plain", "ops.", ".ops", "ops.a b", "ops/a", "ops..a", "ops.ä"])
def test_a_ref_that_is_not_pack_and_name_is_refused(ref: str) -> None:
    """A ref must be pack.name in letters, digits, _ and -."""
    with pytest.raises(InvalidAction, match=r"must be pack\.name"):
        action(ref)(lambda: None)


def test_a_ref_taken_by_another_function_is_refused_naming_both_places() -> None:
    """Two functions with one ref raise DuplicateAction with the place of each."""

    @action("ops.twice")
    def first() -> None: ...

    with pytest.raises(DuplicateAction) as caught:

        @action("ops.twice")
        def second() -> None: ...

    assert "first (" in str(caught.value)
    assert "second (" in str(caught.value)
    assert str(caught.value).count(__file__) == 2


def test_executing_a_definition_again_replaces_it(actions: ActionRegistry) -> None:
    """The same module and qualified name under the same ref is a reload, and the newer function wins."""

    def define() -> Any:
        @action("ops.again")
        def again() -> None: ...

        return again

    define()
    newest = define()
    assert actions.get("ops.again").function is newest


def test_parameters_that_no_keyword_reaches_are_refused() -> None:
    """A positional-only parameter and *args cannot be inputs of an action."""

    def positional(a: int, /) -> None: ...

    def starred(*values: int) -> None: ...

    with pytest.raises(InvalidAction, match="the parameter a of"):
        action("ops.positional")(positional)
    with pytest.raises(InvalidAction, match=r"the parameter \*values of"):
        action("ops.starred")(starred)


def test_classes_and_generators_are_refused() -> None:
    """Classes and generators cannot be actions."""

    def generator() -> Iterator[int]:
        yield 1

    with pytest.raises(InvalidAction, match="must be a function"):
        action("ops.kind")(dict)
    with pytest.raises(InvalidAction, match="must return its whole result"):
        action("ops.generator")(generator)


class Server(TypedDict):
    host: str


Port = NewType("Port", int)


def test_the_schema_comes_from_the_annotations() -> None:
    """Every annotation that names a JSON type gives that type; all others take any value."""

    @action("ops.types")
    def typed(  # type: ignore[no-untyped-def]  # noqa: PLR0917
        a: str,
        b: int,
        c: float,
        d: bool,
        e: list[int],
        f: Sequence[str],
        g: tuple[int, ...],
        h: dict[str, int],
        i: Mapping[str, Any],
        j: Server,
        k: Port,
        l: Annotated[int, "metres"],  # noqa: E741
        m: Any,
        n,
        o: int | str,
        p: object,
    ) -> None: ...

    types = {name: parameter.type for name, parameter in parameters("ops.types").items()}
    assert types == {
        "a": "string",
        "b": "integer",
        "c": "number",
        "d": "boolean",
        "e": "array",
        "f": "array",
        "g": "array",
        "h": "object",
        "i": "object",
        "j": "object",
        "k": "integer",
        "l": "integer",
        "m": "any",
        "n": "any",
        "o": "any",
        "p": "any",
    }
    assert all(parameter.required for parameter in parameters("ops.types").values())
    nullable = {name for name, parameter in parameters("ops.types").items() if parameter.nullable}
    assert nullable == {"m", "n", "p"}


def test_defaults_optionals_and_literals_are_read() -> None:
    """A default makes a parameter optional, None makes it nullable, Literal gives an enum."""

    @action("ops.optional")
    def optional(
        a: int = 3, b: str | None = None, *, c: Literal["x", "y"], d: Literal[1] | None = None, e: "list[int]"
    ) -> None: ...

    read = parameters("ops.optional")
    assert read["a"] == ActionParameter("a", "integer", required=False, default=3)
    assert read["b"] == ActionParameter("b", "string", required=False, nullable=True)
    assert read["c"] == ActionParameter("c", "string", required=True, enum=("x", "y"))
    assert read["d"] == ActionParameter("d", "integer", required=False, nullable=True, enum=(1,))
    assert read["e"].type == "array"


def test_an_annotation_that_only_a_type_checker_can_see_takes_anything() -> None:
    """A name under TYPE_CHECKING cannot be looked up; it weakens its own parameter and no other."""

    @action("ops.hidden")
    def hidden(amount: "Decimal", count: "int") -> None: ...

    assert parameters("ops.hidden")["amount"].type == "any"
    assert parameters("ops.hidden")["count"].type == "integer"


def test_descriptions_come_from_the_docstring(actions: ActionRegistry) -> None:
    """The first paragraph describes the action, the Args section its parameters."""

    @action("ops.documented")
    def documented(host: str, port: int = 80) -> None:
        """Look whether a host
        is there.

        At length.

        Args:
            host: its name,
                or its address
            port (int): where to knock

        Returns:
            nothing
        """

    assert actions.get("ops.documented").description == "Look whether a host is there."
    assert parameters("ops.documented")["host"].description == "its name, or its address"
    assert parameters("ops.documented")["port"].description == "where to knock"


@action("test.checked")
def checked(name: str, count: int = 1, ratio: float = 0.5, tags: list[str] | None = None) -> None: ...


CHECKED = ActionRegistry.registered().get("test.checked")


def test_all_problems_are_reported_at_once() -> None:
    """One error names every missing, unknown and wrongly typed input, and no value."""
    found = problems(CHECKED, {"cuont": 3, "ratio": "s3cret", "tags": {}})
    assert found == (
        "name is missing (a string)",
        "cuont is unknown, did you mean 'count'?",
        "ratio must be a number, got a string",
        "tags must be an array or null, got an object",
    )
    assert "s3cret" not in str(InvalidActionInput("test.checked", found))


def test_types_are_strict() -> None:
    """A boolean is neither an integer nor a number. An integer is a number. A float is not an integer."""
    assert not problems(CHECKED, {"name": "x", "count": 2, "ratio": 1, "tags": None})
    assert problems(CHECKED, {"name": "x", "count": True}) == ("count must be an integer, got a boolean",)
    assert problems(CHECKED, {"name": "x", "ratio": True}) == ("ratio must be a number, got a boolean",)
    assert problems(CHECKED, {"name": "x", "count": 1.0}) == ("count must be an integer, got a number",)
    assert problems(CHECKED, {"name": None}) == ("name must be a string, got null",)


def test_an_enum_takes_its_members_only() -> None:
    """A value outside a Literal is refused with the list of members. True is not 1."""

    @action("ops.level")
    def level(level: Literal["low", "high"] = "low", step: Literal[1, 2] = 1) -> None: ...

    registered = ActionRegistry.registered().get("ops.level")
    assert not problems(registered, {"level": "high", "step": 2})
    assert problems(registered, {"level": "mid"}) == ("level must be one of 'low', 'high', got a string",)
    assert problems(registered, {"step": True}) == ("step must be one of 1, 2, got a boolean",)


def test_an_action_with_keyword_arguments_takes_anything_else() -> None:
    """**kwargs accepts unknown inputs; the named ones are still checked."""

    @action("ops.anything")
    def anything(count: int, **_others: Any) -> None: ...

    registered = ActionRegistry.registered().get("ops.anything")
    assert not problems(registered, {"count": 1, "whatever": []})
    assert problems(registered, {"count": "1", "whatever": []}) == ("count must be an integer, got a string",)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=2), inner, max_size=2),
    max_leaves=4,
)
KINDS: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "array": list,
    "object": dict,
    "any": object,
}


@given(
    value=JSON,
    kind=st.sampled_from(sorted(KINDS)),
    nullable=st.booleans(),
    frozen=st.booleans(),
)
def test_a_value_fits_exactly_when_json_says_it_has_that_type(
    value: Any, kind: str, *, nullable: bool, frozen: bool
) -> None:
    """The checker agrees with JSON's types for every value, frozen or not."""
    parameter = ActionParameter("x", kind, required=True, nullable=nullable)
    if value is None:
        fits = nullable
    else:
        fits = isinstance(value, KINDS[kind]) and (kind in {"boolean", "any"} or not isinstance(value, bool))
    found = problems(Action("t.x", print, "thread", (parameter,)), {"x": freeze(value) if frozen else value})
    assert bool(found) is not fits


@given(
    known=st.dictionaries(st.sampled_from("abcdef"), st.booleans()),
    given_names=st.sets(st.sampled_from("abcdefgh")),
)
def test_every_missing_and_unknown_name_is_reported_once(known: dict[str, bool], given_names: set[str]) -> None:
    """The problems are exactly the required names that are not given and the given ones that are not known."""
    declared = tuple(ActionParameter(name, "any", required, nullable=True) for name, required in known.items())
    found = problems(Action("t.x", print, "thread", declared), dict.fromkeys(given_names))
    missing = {name for name, required in known.items() if required and name not in given_names}
    assert sorted(problem.split()[0] for problem in found) == sorted(missing | (given_names - set(known)))


def test_an_unknown_ref_is_reported_with_the_nearest(actions: ActionRegistry) -> None:
    """UnknownAction suggests the known ref that is nearest."""
    with pytest.raises(UnknownAction, match=r"no action 'core\.htpp'; did you mean 'core\.http'\?"):
        actions.get("core.htpp")


def test_the_registry_is_a_live_view(actions: ActionRegistry) -> None:
    """A registry finds actions that are registered after it was made."""
    assert "ops.late" not in actions.refs()
    action("ops.late")(lambda: None)
    assert "ops.late" in actions.refs()
    assert {"core.noop", "core.echo", "core.fail", "core.log", "core.sleep", "core.http", "core.local"} < set(
        actions.refs()
    )


SOURCE = """
from stretto.actors.actions import action

@action("loaded.greet")
def greet(name: str) -> str:
    return f"Hello {name}"
"""


def test_a_file_is_loaded_by_its_path_and_again(actions: ActionRegistry, tmp_path: Path) -> None:
    """Loading FILE.py registers its actions. Loading it again executes the file's current text."""
    file = tmp_path / "greetings.py"
    file.write_text(SOURCE)
    actions.load(str(file))
    assert actions.get("loaded.greet").function("you") == "Hello you"
    file.write_text(SOURCE.replace("Hello", "Goodbye"))
    actions.load(str(file))
    assert actions.get("loaded.greet").function("you") == "Goodbye you"


def test_a_module_is_loaded_by_its_name(
    actions: ActionRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Loading a dotted name imports that module."""
    (tmp_path / "greeting_pack").mkdir()
    (tmp_path / "greeting_pack" / "__init__.py").touch()
    (tmp_path / "greeting_pack" / "polite.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(tmp_path)
    actions.load("greeting_pack.polite")
    assert actions.get("loaded.greet").function("you") == "Hello you"


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("x = 1\nraise ValueError('no such thing')", "ValueError: no such thing (FILE, line 2)"),
        ("x = 1\n\ndef broken(:", "SyntaxError: invalid syntax (FILE, line 3)"),
        ("import sys\nsys.exit(3)", "SystemExit: 3 (FILE, line 2)"),
        (
            "import absent_for_sure",
            "ModuleNotFoundError: No module named 'absent_for_sure' (FILE, line 1)",
        ),
        ("import json\njson.loads('{')", "JSONDecodeError: Expecting property name"),
    ],
)
def test_a_file_that_cannot_be_imported_is_reported_with_its_line(
    actions: ActionRegistry, tmp_path: Path, source: str, reason: str
) -> None:
    """CannotLoadActions names the file, the exception, and the line in the user's own file."""
    file = tmp_path / "broken.py"
    file.write_text(source)
    with pytest.raises(CannotLoadActions) as caught:
        actions.load(str(file))
    assert str(caught.value).startswith(f"cannot load actions from the file {file}: ")
    assert reason.replace("FILE", str(file)) in str(caught.value)
    assert str(file) in caught.value.reason
    assert not any(name.startswith("stretto_actions_broken_") for name in sys.modules)


def test_a_missing_module_is_reported(actions: ActionRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the module or file, with a hint if a file of that name exists here."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CannotLoadActions, match=r": no module 'absent_actions'$"):
        actions.load("absent_actions")
    Path("absent_actions.py").touch()
    with pytest.raises(CannotLoadActions, match=r"did you mean the file 'absent_actions\.py'\?"):
        actions.load("absent_actions")
    with pytest.raises(CannotLoadActions, match=r"the file gone\.py: No such file"):
        actions.load("gone.py")
    with pytest.raises(CannotLoadActions, match="expected a module's dotted name or"):
        actions.load("not a module")
    with pytest.raises(CannotLoadActions, match="not a Python file"):
        actions.load("./")


def test_a_module_with_a_broken_import_is_not_reported_as_missing(
    actions: ActionRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error of an import that fails inside a module names the line of that import."""
    (tmp_path / "half_broken.py").write_text("\nimport absent_for_sure\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(CannotLoadActions) as caught:
        actions.load("half_broken")
    assert "No module named 'absent_for_sure'" in str(caught.value)
    assert f"{tmp_path / 'half_broken.py'}, line 2" in str(caught.value)


def test_action_failed_carries_a_result() -> None:
    """ActionFailed is a StrettoError with a message and a result."""
    error = ActionFailed("it broke", {"exit_code": 3})
    assert isinstance(error, StrettoError)
    assert str(error) == "it broke"
    assert error.result == {"exit_code": 3}
