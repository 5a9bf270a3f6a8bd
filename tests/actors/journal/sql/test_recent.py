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


def test_the_sizes_of_values_are_bounded() -> None:
    """Values that have not been used for longest make room. The last one stays, however large it is."""
    recent: Recent[str, str] = Recent(4, len)
    for value in ("aa", "bb", "c"):
        assert recent.get(value, lambda value=value: value) == value  # type: ignore[misc]
    assert len(recent) == 2
    recent.get("d" * 9, lambda: "d" * 9)
    assert len(recent) == 1
    assert recent.get("d" * 9, lambda: "other") == "d" * 9
    recent.get("e", lambda: "e")
    recent.get("f", lambda: "f")
    assert len(recent) == 2
