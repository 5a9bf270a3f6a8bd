"""Definitions line by line."""

from typing import Any

from stretto.actors.gateway.pages import source_lines
from stretto.actors.gateway.pages.source_lines import MAX_COLOURED, MAX_SOURCE_CHARACTERS, MAX_SOURCE_LINES, source_of


def finding(line: int, file: str = "a.yaml") -> dict[str, Any]:
    return {"file": file, "line": line, "message": "wrong", "severity": "error", "hint": ""}


def test_findings_stand_at_their_lines() -> None:
    """Those of other files, and of lines that are not shown, stand elsewhere."""
    source = source_of("a\nb\nc", "a.yaml", [finding(2), finding(2), finding(9), finding(1, "pack.yaml")])
    assert [len(line.findings) for line in source.lines] == [0, 2, 0]
    assert source.elsewhere == [finding(9), finding(1, "pack.yaml")]


def test_a_line_has_parts_of_the_same_text() -> None:
    """Keys, expressions and comments are told apart; a long line is one part."""
    text = 'input: {message: "{{ item }} # no"}  # yes'
    (line,) = source_of(text, "a").lines
    assert "".join(part.text for part in line.parts) == text
    assert [(part.kind, part.text) for part in line.parts if part.kind] == [
        ("key", "input"), ("key", "message"), ("expression", "{{ item }}"), ("comment", '# no"}  # yes'),
    ]  # fmt: skip
    (long,) = source_of("{{" * MAX_COLOURED, "a").lines
    assert len(long.parts) == 1


def test_a_page_has_no_more_lines_than_there_is_room_for(monkeypatch: Any) -> None:
    """It says how many follow."""
    source = source_of("a\n" * (MAX_SOURCE_LINES + 5), "a")
    assert (len(source.lines), source.left_out) == (MAX_SOURCE_LINES, 5)
    wide = source_of("\n".join(["a" * MAX_SOURCE_CHARACTERS, "b"]), "a")
    assert [len(line.parts[0].text) for line in wide.lines if line.parts] == [MAX_SOURCE_CHARACTERS]
    monkeypatch.setattr(source_lines, "MAX_SOURCE_CHARACTERS", 7)
    cut = source_of("abc\ndefgh\ni", "a", [finding(3)])
    assert ["".join(part.text for part in line.parts) for line in cut.lines] == ["abc", "def"]
    assert (cut.left_out, cut.elsewhere) == (1, [finding(3)])
    assert source_of("", "a").lines[0].parts == []
