"""The place of a byte that is not text."""

import pytest

from stretto.definitions.source.undecoded import undecoded_place


@pytest.mark.parametrize(
    ("content", "place"),
    [
        (b"\xff\xfea\x00", "x.yaml:1:1"),
        (b"a: 1\nb: \xff\n", "x.yaml:2:4"),
        ("ä: 1\r\nüü: ".encode() + b"\xe4\n", "x.yaml:2:5"),
        ("ä\n".encode() + "ö".encode()[:1], "x.yaml:2:1"),
    ],
)
def test_a_byte_that_is_not_text_has_a_line_and_a_column(content: bytes, place: str) -> None:
    """The column counts characters, as in every other place."""
    with pytest.raises(UnicodeDecodeError) as raised:
        content.decode("utf-8")
    assert str(undecoded_place("x.yaml", raised.value)) == place
