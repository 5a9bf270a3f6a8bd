"""Where things are in the checkout."""

from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
DOCS: Final = ROOT / "docs"
TESTS: Final = ROOT / "tests"
BAD: Final = TESTS / "definitions" / "bad"
"""Definitions with one mistake each."""
EXAMPLES: Final = DOCS / "examples"
EXAMPLE_DEFINITIONS: Final = sorted(each for each in EXAMPLES.rglob("*.yaml") if each.parent.name != "rehearsals")
