"""Which version of a pack's runtime an action gets."""

import pytest

from stretto.actors.packs.runtime_versions import InvalidConstraint, RuntimeVersion, best_of, default_of
from stretto.actors.packs.runtimes import Runtime


def version(number: str, binary: str = "sh", *, is_default: bool = False) -> RuntimeVersion:
    return RuntimeVersion(number, is_default, Runtime(number, (binary,), {}))


VERSIONS = [version("3.11"), version("3.12.4", is_default=True), version("3.13", "no-such-program"), version("2.7")]


@pytest.mark.parametrize(
    ("constraint", "chosen"),
    [
        (">=3.11", "3.12.4"),
        (">=3.11, <3.12", "3.11"),
        ("3.12", "3.12.4"),
        ("=3.12.4", "3.12.4"),
        ("^3.11", "3.12.4"),
        ("~3.11", "3.11"),
        ("~2", "2.7"),
        (">3.12", "3.13"),
        ("<= 3.11", "3.11"),
        ("v3.11.x", "3.11"),
        (">=4", None),
        ("^0.1", None),
    ],
)
def test_the_highest_version_with_an_installed_interpreter_is_chosen(constraint: str, chosen: str | None) -> None:
    """One that is not installed comes last."""
    found = best_of(VERSIONS, constraint)
    assert (None if found is None else found.ref) == chosen


@pytest.mark.parametrize("constraint", ["", "latest", ">=3.11 || 2", "=>3", "3.11.1.1", "9999999"])
def test_other_texts_are_refused(constraint: str) -> None:
    with pytest.raises(InvalidConstraint, match="is not a comparison of versions"):
        best_of(VERSIONS, constraint)


def test_one_version_may_be_the_default() -> None:
    """If none is, the runtime itself runs the actions that ask for no version."""
    found = default_of(VERSIONS)
    assert found is not None
    assert found.ref == "3.12.4"
    assert default_of(VERSIONS[:1]) is None
