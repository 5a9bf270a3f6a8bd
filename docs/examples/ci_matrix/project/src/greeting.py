"""The project that ci_matrix.yaml tests: a greeting."""


def greeting(name: str) -> str:
    """Return a greeting.

    >>> greeting("Ada")
    'Hello, Ada!'
    """
    return f"Hello, {name}!"
