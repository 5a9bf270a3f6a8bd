"""Helpers for the pack's Python actions. `lib` is on the path of all of them."""


def grade(load: float, warn_at: float) -> str:
    """Return "ok", "warn" or "full"."""
    return "full" if load >= 1 else "warn" if load >= warn_at else "ok"
