"""Actions of installed distributions."""

import sys
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path

import pytest

from stretto.actors.actions import ActionRegistry
from stretto.actors.actions.entry_points import GROUP, load_entry_points


def test_entry_points_are_imported_and_a_broken_one_does_not_affect_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error of a broken entry point names the point, its module, and the line of the module's own code."""
    (tmp_path / "entry_good.py").write_text(
        "from stretto.actors import action\n@action('entry.good')\ndef good() -> int:\n    return 1\n"
    )
    (tmp_path / "entry_bad.py").write_text("x = 1\nraise RuntimeError('broken here')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    points = EntryPoints(EntryPoint(name, name, GROUP) for name in ("entry_bad", "entry_good", "entry_missing"))
    monkeypatch.setattr("stretto.actors.actions.entry_points.entry_points", lambda *, group: points.select(group=group))
    bad, missing = load_entry_points()
    assert "the entry point 'entry_bad' (module entry_bad): RuntimeError: broken here" in str(bad)
    assert "line 2" in str(bad)
    assert "no module 'entry_missing'" in str(missing)
    assert ActionRegistry.registered().get("entry.good").function() == 1
    for name in ("entry_good",):
        monkeypatch.delitem(sys.modules, name)
