"""The query of a page's URL, which has the state of the page."""

from collections.abc import Iterable, Sequence

from stretto.actors.gateway.http.problems import Problem
from stretto.definitions.errors import nearest


def texts_of(query: Iterable[tuple[str, str]], names: Sequence[str]) -> dict[str, str]:
    """Return each of the parameters that a page knows, "" if it is not given.

    Args:
        query: The query of the URL.
        names: The names of the parameters.

    Raises:
        Problem: The query has another one.
    """
    texts = dict.fromkeys(names, "")
    for name, value in query:
        if name not in texts:
            hint = nearest(name, names)
            raise Problem("bad_request", f"the page has no parameter {name[:100]!r}" + (f"; {hint}" if hint else ""))
        texts[name] = value.strip()
    return texts
