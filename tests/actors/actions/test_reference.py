"""docs/actions.md has every core action with its inputs, its result and its failures."""

import json
import re

import pytest

from stretto.actors.actions import Action, ActionParameter, ActionRegistry
from stretto.actors.catalogue import core_actions
from stretto.definitions import read_workflow
from tests.support.paths import DOCS, ROOT

PAGE = (DOCS / "actions.md").read_text()
SECTIONS = {part.split("\n")[0]: part for part in re.split(r"^### ", PAGE, flags=re.MULTILINE)[1:]}


def actions() -> dict[str, Action]:
    """Return all core actions by the heading of their section."""
    registry: ActionRegistry = core_actions()
    native = {ref: registry.get(ref) for ref in registry.refs() if ref.startswith("core.")}
    orquesta = {ref: registry.get(ref, "stackstorm") for ref in registry.refs("stackstorm") if ref.startswith("core.")}
    variants = {f"{ref} in Orquesta": action for ref, action in orquesta.items() if native.get(ref) is not action}
    return native | variants


def row(parameter: ActionParameter) -> str:
    """Return the line of an input."""
    kind = f"{parameter.type} or null" if parameter.nullable and parameter.type != "any" else parameter.type
    default = "required" if parameter.required else f"`{json.dumps(parameter.default)}`"
    members = f"one of {', '.join(f'`{member}`' for member in parameter.enum)}: " if parameter.enum else ""
    return f"| `{parameter.name}` | {kind} | {default} | {members}{parameter.description} |"


def test_every_core_action_has_a_section() -> None:
    """The page has a section for each core action and each variant for Orquesta, and no other."""
    differing = sorted(set(SECTIONS) ^ set(actions()))
    assert not differing, f"docs/actions.md must have a section `### REF` for each core action: see {differing}"


@pytest.mark.parametrize("heading", actions())
def test_a_section_has_the_inputs_the_result_and_the_failures(heading: str) -> None:
    """The inputs are those of the code, with types, defaults and descriptions."""
    action, section = actions()[heading], SECTIONS.get(heading, "")
    rows = re.findall(r"^\| `\w+` \| .+ \| .+ \| .+ \|$", section, re.MULTILINE)
    expected = [row(parameter) for parameter in action.parameters]
    assert rows == expected, "the rows of the inputs in docs/actions.md must be:\n" + "\n".join(expected)
    assert action.description in section
    assert "Result:" in section
    assert "Fails:" in section


def test_the_page_can_be_found() -> None:
    """README and the page of the language link to it."""
    assert "docs/actions.md" in (ROOT / "README.md").read_text()
    assert "actions.md" in (DOCS / "language.md").read_text()


def test_the_example_is_a_valid_definition() -> None:
    """The tasks of the page's example can be read."""
    (block,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    assert read_workflow(f"ref: docs.probe\nversion: 1.0.0\n{block}", "actions.md").tasks["probe"].action == "core.http"
