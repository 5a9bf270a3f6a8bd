"""Mutated definitions: whatever is done to one, it is told with findings, never with a traceback.

python tests/definitions/test_validation_mutations.py 10000      as many examples
"""

import random
import sys
import time
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))

from known_actions import FewActions

from stretto.definitions.validation import examine

FOLDERS = (Path(__file__).parent / "bad", Path(__file__).parent.parent.parent / "docs/examples")
TEXTS = [path.read_text() for folder in FOLDERS for path in sorted(folder.glob("*.yaml"))]
WORDS = (
    "{{", "}}", "{%", "%}", "{", "}", "[", "]", ":", ",", "-", "'", '"', "&a", "*a", "!!", "|", ">", "#", "\n", "\t",
    "\r", "null", "true", "all", "0", "-1", "1e999", ".nan", "task", "workflow", "parameters", "item", "result()",
    "not", "if", " is defined", "tasks", "next", "do", "when", "publish", "with_items",
    "\u2028", "\x00", "\ud800", "é", "𝄞",
)  # fmt: skip
MOST_SECONDS = 5


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """Return a definition to which a few things were done: cut, doubled, swapped, strewn with words of the language."""
    text = draw(st.sampled_from(TEXTS))
    chance = random.Random(draw(st.integers(0, 2**32)))  # noqa: S311 - not for secrets
    for _ in range(draw(st.integers(1, 6))):
        text = _mutated_once(text, chance)
    return text


def _mutated_once(text: str, chance: random.Random) -> str:
    start, end = sorted((chance.randint(0, len(text)), chance.randint(0, len(text))))
    end = min(end, start + 80)
    kind = chance.randrange(5)
    if kind == 0:
        return text[:start] + text[end:]
    if kind == 1:
        return text[:end] + text[start:end] + text[end:]
    if kind == 2:
        other = chance.choice(TEXTS)
        begin = chance.randint(0, len(other))
        return text[:start] + other[begin : begin + 80] + text[end:]
    if kind == 3:
        lines = text.split("\n")
        chance.shuffle(lines)
        return "\n".join(lines)
    return text[:start] + chance.choice(WORDS) + text[start:]


def check(text: str) -> None:
    """Examine a text: findings in the file's order, each at a place that exists, and in time."""
    began = time.monotonic()
    examination = examine(text, "mutated.yaml", FewActions())
    assert time.monotonic() - began < MOST_SECONDS
    places = [(each.place.line, each.place.column) for each in examination.findings]
    assert places == sorted(places)
    assert all(line >= 1 and column >= 1 for line, column in places)
    assert examination.workflow is not None or examination.errors


@settings(max_examples=300, deadline=None)
@given(mutated())
def test_a_mutated_definition_is_told_with_findings(text: str) -> None:
    """No mutation makes the examination raise, or tells a place that is none."""
    check(text)


if __name__ == "__main__":
    settings(max_examples=int(sys.argv[1]), deadline=None, database=None)(given(mutated())(check))()
