"""Actions of the measurements of pools: nothing, and a millisecond of computing."""

from stretto.actors.actions import action


@action("perf.echo")
def echo(text: str) -> str:
    """Return the text."""
    return text


@action("perf.compute")
def compute(loops: int) -> int:
    """Add numbers."""
    return sum(range(loops))


@action("perf.look_up")
def look_up(table: list[object], index: int) -> int:
    """Return the length of a large value."""
    return len(table) + index
