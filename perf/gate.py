"""An action that waits until a benchmark lets it go on, for daemons that are measured."""

from pathlib import Path

from stretto.actors import action


@action("perf.gate")
def gate(pipe: str) -> None:
    """Wait until a byte is written to a named pipe.

    Args:
        pipe: the pipe
    """
    Path(pipe).read_bytes()
