"""Which dialect a document is in."""

import pytest

from stretto.definitions.dialects.recognition import is_orquesta
from stretto.definitions.source.yaml_source import compose

ORQUESTA = {
    "version": "version: 1.0\ntasks: {a: {action: core.noop}}\n",
    "input": "input: [a]\ntasks: {a: {action: core.noop}}\n",
    "with": "tasks: {a: {action: x.y, with: '{{ ctx().xs }}'}}\n",
    "inline": "version: '1.0'\ntasks: {a: {action: core.echo message=1}}\n",
    "yaql": "tasks: {a: {action: core.echo, input: {message: <% 1 %>}}}\n",
    "a misspelling": "version: 1.0\ntask: {a: {acton: x.y}}\n",
    "a mistake": "version: 1.0\ninput: [a]\nparameters: {}\ntasks: {a: {action: x.y}}\n",
}
NATIVE = {
    "no sign": "tasks: {a: {action: core.noop}}\n",
    "list": "version: 1.0\ntasks: [{name: a, action: core.noop}]\n",
    "ref": "version: 1.0\nref: a.b\ntasks: {a: {action: core.noop}}\n",
    "namespaces": "version: 1.0\ntasks: {a: {action: x.y, input: {m: '{{ parameters.m }} <% %>'}, with_items: [1]}}\n",
    "a list": "[1]\n",
}


def recognized(text: str) -> bool:
    """Return whether a text is recognized as Orquesta."""
    root = compose(text, "f", lambda _finding: None)
    assert root is not None
    return is_orquesta(root)


@pytest.mark.parametrize("text", ORQUESTA.values(), ids=ORQUESTA)
def test_an_orquesta_definition_is_recognized(text: str) -> None:
    """By what only it may have."""
    assert recognized(text)


@pytest.mark.parametrize("text", NATIVE.values(), ids=NATIVE)
def test_a_native_definition_stays_native(text: str) -> None:
    """By what only it may have, and without any sign."""
    assert not recognized(text)
