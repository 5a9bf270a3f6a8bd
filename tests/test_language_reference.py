"""The language's page is whole and true: every name is on it, every example gives what it says."""

import json
import re
from typing import Any

import pytest

from stretto.definitions import InvalidDefinition, freeze, read_workflow
from stretto.definitions.context import CompletionScope
from stretto.definitions.dialects import KEPT_FIELDS, legacy
from stretto.definitions.dialects.reading import Fields
from stretto.definitions.expressions import Moment
from stretto.definitions.expressions.both_forms import EACH, EITHER_FORM
from stretto.definitions.expressions.filters import ALLOWED_TESTS, FILTERS
from stretto.definitions.expressions.sandbox import METHODS
from stretto.definitions.expressions.scope import FUNCTION_NAMES
from tests.support.evaluating import compiled, plain, snapshot_of
from tests.support.paths import ROOT

PAGE = (ROOT / "docs" / "language.md").read_text()
TUTORIAL = (ROOT / "docs" / "tutorial.md").read_text()
BLOCKS = re.findall(r"```yaml( wrong)?\n(.*?)```", PAGE + TUTORIAL, re.DOTALL)
EXAMPLES = re.findall(r"^\| .+ \| .+ \| `(.*)` \| `(.*)` \|$", PAGE, re.MULTILINE)
SERVERS = [{"name": "a", "up": True, "load": 3}, {"name": "b", "up": False, "load": 1}]
READS = re.compile(r'\.(?:given|take|require)\("(\w+)"\)')


def section(title: str) -> str:
    """Return what stands below a heading of the second level."""
    return PAGE.split(f"\n## {title}\n")[1].split("\n## ")[0]


def named_in(text: str) -> set[str]:
    """Return the names that are set as code, calls without what is in their parentheses."""
    text = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    return {name.split("(")[0] for name in re.findall(r"`([^`\n]+)`", text)}


def known_fields(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Return the fields that the reader asks for, while it reads the pages' definitions, or anywhere in its code."""
    asked: set[str] = set()
    take = Fields.take

    def noted(fields: Fields, name: str) -> Any:
        asked.add(name)
        return take(fields, name)

    monkeypatch.setattr(Fields, "take", noted)
    for wrong, block in BLOCKS:
        if not wrong:
            read_workflow(block, "page.yaml")
    folder = ROOT / "definitions" / "dialects"
    # Chains have a page of their own: docs/stackstorm.md.
    sources = [file for file in folder.glob("*.py") if not file.name.startswith("chain")]
    return asked | {name for source in sources for name in READS.findall(source.read_text())}


def test_every_field_is_on_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of workflows, parameters, tasks, retries, transitions, and the legacy forms; also what is only kept."""
    fields = known_fields(monkeypatch) | set(legacy.FIELDS) | set(KEPT_FIELDS)
    assert len(fields) > 50
    assert fields <= named_in(PAGE)


def test_every_function_filter_test_and_method_is_on_the_page() -> None:
    """Each is in the section of its kind."""
    methods = {name for methods in METHODS.values() for name in methods}
    filters = FILTERS.keys() - EITHER_FORM | EACH.keys()
    kinds = {"Functions": FUNCTION_NAMES, "Filters": filters, "Tests": ALLOWED_TESTS.keys(), "Methods": methods}
    missing = {title: sorted(names - named_in(section(title))) for title, names in kinds.items()}
    assert not any(missing.values()), f"these sections of docs/language.md must name them: {missing}"


@pytest.mark.parametrize(("wrong", "block"), BLOCKS)
def test_every_definition_of_the_pages_loads_or_is_wrong_on_purpose(wrong: str, block: str) -> None:
    """A block is marked `yaml wrong` when it shows a mistake; no other is warned of."""
    if wrong:
        with pytest.raises(InvalidDefinition):
            read_workflow(block, "page.yaml")
        return
    assert not read_workflow(block, "page.yaml").warnings


def value_of(example: str) -> Any:
    """Evaluate an example where a task has just succeeded."""
    scope = CompletionScope(snapshot_of({"servers": SERVERS}), "succeeded", freeze({"code": 200}))
    return plain(compiled(example.replace("\\|", "|")).evaluate(scope, Moment(0.0, "page")))


@pytest.mark.parametrize(("example", "value"), EXAMPLES)
def test_every_example_gives_the_value_that_is_shown(example: str, value: str) -> None:
    """Values are shown as JSON."""
    assert json.dumps(value_of(example)) == json.dumps(json.loads(value))


def test_the_page_has_an_example_for_every_function() -> None:
    """Rows without an example would not be checked."""
    written = "\n".join(example for example, _ in EXAMPLES)
    missing = sorted(name for name in FUNCTION_NAMES if f"{name}(" not in written and f"| {name}" not in written)
    assert not missing, f"docs/language.md must have a row `| call | meaning | example | value |` for each: {missing}"
    assert len(EXAMPLES) > 110
