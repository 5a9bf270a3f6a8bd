"""The words of the trade: code and documents say nothing that `banned_words.txt` lists."""

import io
import re
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

from tests.support.paths import ROOT, TESTS

BANNED = [
    re.compile(line)
    for line in (TESTS / "banned_words.txt").read_text().splitlines()
    if line and not line.startswith("#")
]
CODE = [path for room in ("actors", "definitions", "metrics") for path in sorted((ROOT / room).rglob("*.py"))]
DOCUMENTS = [*sorted((ROOT / "docs").rglob("*.md")), *sorted(ROOT.glob("*.md"))]


def paragraphs(text: str) -> Iterator[tuple[int, str]]:
    """Yield the lines of each paragraph as one text, with the number of its first line."""
    first, lines = 1, list[str]()
    for number, line in enumerate([*text.splitlines(), ""], 1):
        if line.strip():
            first = first if lines else number
            lines.append(line.strip())
        elif lines:
            yield first, " ".join(lines)
            lines = []


def words_of_code(text: str) -> Iterator[tuple[int, str]]:
    """Yield what people read in Python code: texts and comments by paragraph, and names."""
    comment: list[str] = []
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            comment.append(token.string.lstrip("#: "))
            continue
        if comment and token.type not in {tokenize.NL, tokenize.NEWLINE}:
            yield token.start[0] - len(comment), " ".join(comment)
            comment = []
        if tokenize.tok_name[token.type] in {"STRING", "FSTRING_MIDDLE"}:  # the latter since 3.12
            for line, paragraph in paragraphs(token.string.strip("\"'rbfu")):
                yield token.start[0] + line - 1, paragraph
        elif token.type == tokenize.NAME:
            yield token.start[0], token.string


def hits(path: Path) -> Iterator[str]:
    """Yield a line for each banned word of a file."""
    text = path.read_text(encoding="utf-8")
    for line, words in words_of_code(text) if path.suffix == ".py" else paragraphs(text):
        for banned in BANNED:
            for found in banned.finditer(words):
                yield f"{path}:{line}: {found[0].strip()!r} in: {words[max(0, found.start() - 30) : found.end() + 50]}"


def test_neither_code_nor_documents_say_a_banned_word() -> None:
    """The list is exact; the rest of how Stretto speaks is for readers to judge."""
    found = [hit for path in (*CODE, *DOCUMENTS) for hit in hits(path)]
    assert not found, "\n".join([f"{len(found)} banned words", *found[:50]])


if __name__ == "__main__":
    given = [Path(each) for each in sys.argv[1:]]
    files = [file for each in given for file in (each.rglob("*") if each.is_dir() else [each])]
    lines = [hit for file in files if file.suffix in {".py", ".md"} for hit in hits(file)]
    sys.stdout.write("".join(f"{line}\n" for line in [*lines, f"{len(lines)} banned words"]))
