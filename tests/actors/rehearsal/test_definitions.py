"""Definitions, as rehearsals find them."""

from pathlib import Path

import pytest

from stretto.actors.actions import ActionRegistry
from stretto.actors.rehearsal.definitions import scripted_catalogue
from stretto.definitions.errors import InvalidDefinition


@pytest.mark.parametrize(
    ("task", "told"),
    [
        ("{name: a, action: no.such, input: {x: 1}}", ""),
        ("{name: a, action: core.echo, input: {message: 1}}", ""),
        ("{name: a, action: core.echo, input: {mesage: 1}}", "did you mean 'message'?"),
        ("{name: a, action: no.such, input: {x: '{{ workflow.nope }}'}}", "'nope'"),
    ],
)
def test_only_that_an_action_is_unknown_is_no_mistake(tmp_path: Path, task: str, told: str) -> None:
    """Everything else is refused as by an engine."""
    path = tmp_path / "w.yaml"
    path.write_text(f'ref: ops.w\nversion: "1"\ntasks: [{task}]\n')
    definitions = scripted_catalogue(ActionRegistry.registered())
    if not told:
        assert definitions.find(str(path)).ref == "ops.w"
        return
    with pytest.raises(InvalidDefinition) as raised:
        definitions.find(str(path))
    assert told in str(raised.value)
