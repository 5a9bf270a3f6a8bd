"""The values that were requested last are shared."""

from stretto.actors.journal.sql.recent import Recent


def test_a_value_is_made_once_while_it_is_kept() -> None:
    """The one that has not been asked for longest makes room for a new one."""
    made: list[str] = []

    def make(key: str) -> str:
        made.append(key)
        return key.upper()

    recent: Recent[str, str] = Recent(2)
    for key in ("a", "b", "a", "c", "a", "b"):
        assert recent.get(key, lambda key=key: make(key)) == key.upper()  # type: ignore[misc]
    assert made == ["a", "b", "c", "b"]
    assert len(recent) == 2


def test_two_that_make_a_value_at_once_get_the_same() -> None:
    """The second thread gets the value that the first one has made."""
    recent: Recent[str, object] = Recent(2)
    first: list[object] = []

    def slow() -> object:
        first.append(recent.get("a", object))
        return object()

    assert recent.get("a", slow) is first[0]
