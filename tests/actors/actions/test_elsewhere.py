"""Functions that run in other processes: those that a process cannot find are refused when they are registered."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stretto.actors import InvalidAction, action
from stretto.actors.actions import ActionRegistry, Code, load_actions
from stretto.actors.actions.elsewhere import code_of
from tests.support import isolated_actions


def test_a_function_of_a_module_is_found_by_the_modules_name() -> None:
    """With the digest of its file."""
    code = code_of("isolated.echo", isolated_actions.echo)
    assert (code.target, len(code.digest)) == ("tests.support.isolated_actions", 64)


def test_a_function_of_a_file_is_found_by_the_files_path(tmp_path: Path) -> None:
    """As the file was loaded."""
    file = tmp_path / "own.py"
    file.write_text('from stretto.actors import action\n@action("elsewhere.own", isolation="fresh")\ndef own(): ...\n')
    load_actions(str(file))
    found = ActionRegistry.registered().find("elsewhere.own")
    assert found is not None
    assert isinstance(found.code, Code)
    assert (found.runner, found.code.target) == ("fresh", str(file))


def in_main() -> Callable[..., Any]:
    def function() -> None: ...

    function.__module__, function.__qualname__ = "__main__", "function"
    return function


def inner() -> Callable[..., Any]:
    def function() -> None: ...

    return function


async def waits() -> None: ...


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (in_main(), "cannot import __main__: move it to the top level of a module"),
        (inner(), "cannot find inner.<locals>.function: move it"),
        (lambda: None, "cannot find <lambda>: move it"),
        (waits, "is for plain functions: leave out isolation, or write def without async"),
    ],
)
def test_what_another_process_cannot_find_is_refused(function: Callable[..., Any], message: str) -> None:
    """With the remedy."""
    with pytest.raises(InvalidAction, match=message):
        action("elsewhere.refused", isolation="worker")(function)


def test_an_unknown_isolation_is_refused() -> None:
    """The known ones are named."""
    with pytest.raises(InvalidAction, match="isolation must be one of thread, worker, fresh, got 'proces'"):
        action("elsewhere.refused", isolation="proces")(in_main())  # type: ignore[arg-type]
