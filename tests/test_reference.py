"""docs/reference/ is what its generator makes of the code."""

import builtins
import inspect
import re
from collections.abc import Iterator
from importlib import import_module

import pytest

from docs.reference.generate import FOLDER, MODULES, pages, written
from tests.support.paths import ROOT

WRITTEN = written()


def public() -> list[tuple[str, str]]:
    """Return every public name with its module."""
    return [(module, name) for module in MODULES for name in import_module(module).__all__]


def documented_errors() -> Iterator[tuple[str, str]]:
    """Yield the errors in the `Raises:` of public functions and methods, each with the place."""
    for name, text in WRITTEN.items():
        for section in re.findall(r"^\*\*Raises:\*\*\n\n((?:[- ] .*\n?)+)", text, re.MULTILINE):
            for names in re.findall(r"^- (.+?): ", section, re.MULTILINE):
                yield from ((error, name) for error in re.findall(r"`(\w+)`", names))


@pytest.mark.parametrize("name", WRITTEN)
def test_a_page_is_what_the_generator_writes(name: str) -> None:
    """`make docs` writes it again after a change of a signature or a docstring."""
    assert (FOLDER / name).read_text(encoding="utf-8") == WRITTEN[name], f"run `make docs`: {name} is out of date"


def test_no_other_page_is_there() -> None:
    """A page of which nothing is left is removed."""
    assert {path.name for path in FOLDER.glob("*.md")} == WRITTEN.keys()


def test_every_public_name_is_on_one_page() -> None:
    """None is forgotten and none is there twice."""
    assert sorted(each for page in pages() for each in page.names) == sorted(public())


@pytest.mark.parametrize(("module", "name"), public())
def test_a_public_name_has_a_text(module: str, name: str) -> None:
    """A class and a function have a docstring of their own."""
    value = getattr(import_module(module), name)
    if inspect.isclass(value) or inspect.isfunction(value):
        assert value.__doc__, f"{module}.{name} needs a docstring"


def test_errors_that_are_raised_can_be_imported() -> None:
    """Each in a `Raises:` is a public name, so that a program can handle it."""
    names = {name for _, name in public()} | set(dir(builtins))
    wrong = {f"{error} ({page})" for error, page in documented_errors() if error not in names}
    assert list(documented_errors())
    assert not wrong


def test_the_reference_can_be_found() -> None:
    """README links to it."""
    assert "docs/reference/README.md" in (ROOT / "README.md").read_text()
