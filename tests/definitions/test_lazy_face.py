"""Faces whose names are loaded on first use."""

import subprocess
import sys

import pytest

import stretto.actors
import stretto.definitions


@pytest.mark.parametrize("face", [stretto.actors, stretto.definitions])
def test_dir_lists_the_public_names(face: object) -> None:
    """Completion in a shell shows them before any is loaded, and each can be loaded."""
    assert dir(face) == sorted(face.__all__)  # type: ignore[attr-defined]
    assert all(getattr(face, name) is not None for name in dir(face))


def test_listing_loads_nothing() -> None:
    """`dir()` stays as cheap as the import."""
    code = "import sys, stretto.actors; dir(stretto.actors); print('pykka' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_an_unknown_name_is_an_attribute_error() -> None:
    """As of any module."""
    with pytest.raises(AttributeError, match=r"module 'stretto\.actors' has no attribute 'Motor'"):
        stretto.actors.Motor  # type: ignore[attr-defined]  # noqa: B018
