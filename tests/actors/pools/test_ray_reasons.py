"""The reasons that the gateway sends to the daemon, of the texts of Ray's errors."""

import pytest

from stretto.actors.pools.ray_reasons import reason_of


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "ValueError"),
        ("no such node", "no such node"),
        ("\x1b[36mray::A()\x1b[39m failed\x07\n\n", "ray::A() failed"),
        (
            "died in \x1b[36mray::A.__init__()\x1b[39m\n  File \"a.py\"\nstretto.actors.CannotLoad: no module 'x'",
            "no module 'x' (died in ray::A.__init__())",
        ),
        ("died\n\tid: 1\nModuleNotFoundError: No module named 'x'", "ModuleNotFoundError: No module named 'x' (died)"),
    ],
)
def test_the_cause_comes_first_and_nothing_commands_a_terminal(text: str, reason: str) -> None:
    """It is the last line. An error without a text has its class."""
    assert reason_of(ValueError(text)) == reason
