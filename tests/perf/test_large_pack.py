"""The generated pack."""

import sys
from pathlib import Path
from types import FrameType

from large_pack import MOST_PARAMETERS, write

from stretto.actors.packs.folders import examine_packs


def test_each_action_of_the_pack_can_run(tmp_path: Path) -> None:
    """As in the pack that it stands for."""
    actions = 2 * MOST_PARAMETERS
    write(tmp_path, actions)
    (pack,), errors = examine_packs([tmp_path])
    assert (pack.warnings, errors) == ((), [])
    assert (len(pack.actions), pack.refused) == (actions, ())


def calls_for(folder: Path, actions: int) -> int:
    """Return how many functions of the engine examining a pack with so many actions calls."""
    folder.mkdir()
    write(folder, actions)
    calls = 0

    def count(frame: FrameType, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event == "call" and frame.f_globals.get("__name__", "").startswith("stretto.")

    sys.setprofile(count)
    try:
        examine_packs([folder])
    finally:
        sys.setprofile(None)
    return calls


def test_an_action_of_a_large_pack_takes_as_many_calls_as_one_of_a_small_pack(tmp_path: Path) -> None:
    """`validate` is linear in the number of actions."""
    portion = MOST_PARAMETERS + 1
    one, two, four = (calls_for(tmp_path / f"{count}", count * portion) for count in (1, 2, 4))
    assert four - two <= 1.02 * 2 * (two - one)
