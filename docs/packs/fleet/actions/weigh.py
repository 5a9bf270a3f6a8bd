"""Weighs a host: parameters come as arguments, and what it returns is the result."""


def weigh(load: float) -> dict:
    """Return the weight of a load."""
    return {"weight": round(load * 100)}
