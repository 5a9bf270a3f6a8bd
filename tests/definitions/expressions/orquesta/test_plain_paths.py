"""Which expressions only read a path."""

import pytest

from stretto.definitions.expressions.base.plain_values import Path
from stretto.definitions.expressions.orquesta.jinja_programs import JinjaExpression
from stretto.definitions.expressions.orquesta.plain_paths import RESULT
from stretto.definitions.expressions.orquesta.yaql_engine import YaqlExpression


@pytest.mark.parametrize(
    ("source", "path"),
    [
        ("ctx(x)", Path("workflow", ("x",))),
        ("ctx('a b')", Path("workflow", ("a b",))),
        ("(ctx().x).y", Path("workflow", ("x", "y"))),
        ("ctx().x['y'][0].z", Path("workflow", ("x", "y", 0, "z"))),
        ("ctx().len", Path("workflow", ("len",))),
        ("item()", Path("item")),
        ("item(x).y", Path("item", ("x", "y"))),
        ("result().x[1]", Path(RESULT, ("x", 1))),
    ],
)
def test_a_path_in_yaql(source: str, path: Path) -> None:
    """Its root is a namespace, the item or the result."""
    assert YaqlExpression(source).path == path


@pytest.mark.parametrize(
    "source",
    [
        "1", "abc", "$", "$.x", "ctx()", "ctx('')", "ctx('__x')", "ctx(x, y)", "ctx(1)", "ctx(ctx(x))",
        "item('')", "result(x)", "succeeded()", "ctx(x) + 1", "ctx().x.len()", "ctx().get(x)", "ctx(x)[ctx(y)]",
        "ctx(x)[true]", "ctx(x)[1, 2]", "ctx(x)?.y", "task_status(t)", "not ctx(x)",
    ],
)  # fmt: skip
def test_no_path_in_yaql(source: str) -> None:
    """Anything else is computed."""
    assert YaqlExpression(source).path is None


@pytest.mark.parametrize(
    ("source", "path"),
    [
        ("ctx('x')", Path("workflow", ("x",))),
        ("ctx().x.y", Path("workflow", ("x", "y"))),
        ("ctx().__x", Path("workflow", ("__x",))),
        ("ctx()['x'][-1].items", Path("workflow", ("x", -1, "items"))),
        ("ctx('x')['y']", Path("workflow", ("x", "y"))),
        ("item()", Path("item")),
        ("item('x').y", Path("item", ("x", "y"))),
        ("result().x[1]", Path(RESULT, ("x", 1))),
    ],
)
def test_a_path_in_jinja(source: str, path: Path) -> None:
    """The same in Jinja's words."""
    assert JinjaExpression(source).path == path


@pytest.mark.parametrize(
    "source",
    [
        "1", "'abc'", "x", "ctx()", "ctx('')", "ctx('__x')", "ctx('x', 'y')", "ctx(key='x')", "ctx(1)", "ctx()[0]",
        "ctx(ctx().x)", "item('')", "result('x')", "succeeded()", "ctx().x + 1", "ctx().x.items()", "ctx().get('x')",
        "ctx().x[ctx().y]", "ctx().x[true]", "ctx().x[0:1]", "ctx().x[-'a']", "ctx().x | length", "not ctx().x",
    ],
)  # fmt: skip
def test_no_path_in_jinja(source: str) -> None:
    """Anything else is computed."""
    assert JinjaExpression(source).path is None
