"""The frames of an action's exception: those of its own code, bounded."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from stretto.actors.actions.tracebacks import MAX_CODE, MAX_FRAMES, frames_in, frames_of
from stretto.definitions import freeze


def raised(function: Any, *arguments: Any) -> BaseException:
    """Return the exception of a call."""
    with pytest.raises(Exception) as caught:  # noqa: PT011 - whatever it raises
        function(*arguments)
    return caught.value


def look_up(names: dict[str, str], name: str) -> str:
    """Return a member, or raise KeyError."""
    return names[name]


def test_the_frames_are_those_of_the_users_code() -> None:
    """Each has its file, line, function and text, the outermost first."""
    frames = frames_of(raised(look_up, {}, "nokey"))
    assert [frame.function for frame in frames] == ["raised", "look_up"]
    assert (frames[-1].file, frames[-1].code) == (__file__, "return names[name]")
    assert str(frames[-1]) == f"{__file__}:{frames[-1].line} in look_up: return names[name]"


def test_frames_of_stretto_and_of_the_standard_library_are_left_out() -> None:
    """The last frame is where the user's code called them."""
    assert [frame.function for frame in frames_of(raised(json.loads, "{"))] == ["raised"]
    assert [frame.function for frame in frames_of(raised(freeze, {1}))] == ["raised"]


def test_the_frames_of_a_recursion_are_bounded() -> None:
    """The outermost and the innermost ones are kept, and a long line is cut."""

    def descend(levels: int) -> None:
        if levels:
            descend(levels - 1)
        else:
            raise ValueError("deep")

    frames = frames_of(raised(descend, 100))
    assert len(frames) == MAX_FRAMES
    assert (frames[0].function, frames[-1].code) == ("raised", 'raise ValueError("deep")')
    text = f'Traceback (most recent call last):\n  File "/a.py", line 1, in f\n    {"x" * 1000}\nValueError\n'
    assert frames_in(text)[0].code == "x" * MAX_CODE


def test_a_written_traceback_has_the_same_frames(tmp_path: Path) -> None:
    """The last traceback in a text counts: an exception may have been raised while another was handled."""
    program = tmp_path / "program.py"
    program.write_text(
        "import json\n\ndef read(text):\n    return json.loads(text)['x']\n\n"
        "try:\n    read('{')\nexcept ValueError:\n    read('{}')\n"
    )
    written = subprocess.run([sys.executable, program], capture_output=True, text=True, check=False).stderr
    assert written.count("Traceback") == 2
    assert [(frame.line, frame.function, frame.code) for frame in frames_in(written)] == [
        (9, "<module>", "read('{}')"),
        (4, "read", "return json.loads(text)['x']"),
    ]
    assert frames_in("no traceback") == ()
