"""Inputs whose names are keywords of Python: `from` of an action is `from_` of its function."""

import functools
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from stretto.actors.actions.schema import ActionParameter


def keyword_inputs(function: Callable[..., Any], parameters: Sequence[ActionParameter]) -> dict[str, Any]:
    """Return the `function` and the `parameters` of an action whose function has some names with an underscore more.

    Args:
        function: An async function.
        parameters: Its parameters.
    """
    names = {each.name.removesuffix("_"): each.name for each in parameters if each.name.endswith("_")}
    if not names:
        return {}

    @functools.wraps(function)
    async def call(**given: Any) -> Any:
        return await function(**{names.get(name, name): value for name, value in given.items()})

    return {
        "function": call,
        "parameters": tuple(replace(each, name=each.name.removesuffix("_")) for each in parameters),
    }
