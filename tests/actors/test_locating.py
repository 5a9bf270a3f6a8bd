"""What names of workflows are, without reading a file."""

from pathlib import Path

import pytest

from stretto.actors.locating import is_path, may_be_ref


@pytest.mark.parametrize(
    ("name", "path", "ref"),
    [
        ("ops.greet", False, True),
        ("ops/greet", True, True),
        ("ops/there", True, False),
        ("ops/greet.yaml", True, False),
        ("greet.yml", True, False),
        ("./greet", True, False),
        ("/ops/greet", True, False),
    ],
)
def test_a_name_with_slashes_may_be_a_ref_where_there_is_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, path: bool, ref: bool
) -> None:
    """One that ends or begins like a file's is none."""
    (tmp_path / "ops").mkdir()
    (tmp_path / "ops" / "there").touch()
    monkeypatch.chdir(tmp_path)
    assert (is_path(name), may_be_ref(name)) == (path, ref)
