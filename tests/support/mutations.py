"""Mutated files: bytes flipped, pieces deleted, repeated, swapped or replaced by what parsers find hard."""

import random
from collections.abc import Iterator
from typing import Final

HARD: Final = (
    b"\0", b"\xff\xfe", b"\xed\xa0\x80", b"\xe2\x80\xa8", b"\xef\xbb\xbf", b"\t", b"\r", b"---\n", b"...\n", b"&a ",
    b"*a", b"<<: *a\n", b"!!python/object:os.system ", b"!!binary ", b"!!set ", b"{{ ", b"}}", b"<% ", b"[", b"]", b"{",
    b"}", b": ", b"- ", b"? ", b"|\n", b">\n", b"'", b'"', b"#", b"%YAML 9.9\n", b"null", b"~", b"true", b".nan",
    b".inf", b"1e999", b"-0", b"0x", b"08", b"9" * 40, b"2001-01-01", b"[" * 70, b"{a: " * 70, b"\\ud800",
    b'"\\u0000"',
    b"__class__", b"a" * 300, b"\n" * 5, b"=", b",",
)  # fmt: skip


def mutations(seed: str, original: bytes, count: int) -> Iterator[bytes]:
    """Yield so many mutated files, the same each time."""
    choose = random.Random(seed)  # noqa: S311 - what is chosen is no secret
    for _ in range(count):
        content = bytearray(original)
        for _ in range(choose.choice((1, 1, 1, 2, 4))):
            _mutate(content, choose)
        yield bytes(content)


def _mutate(content: bytearray, choose: random.Random) -> None:
    start = choose.randrange(len(content) + 1)
    end = min(len(content), start + choose.choice((0, 1, 1, 3, 10, 40)))
    kind = choose.randrange(6)
    if kind == 0 and content:
        content[choose.randrange(len(content))] ^= 1 << choose.randrange(8)
    elif kind == 1:
        del content[start:end]
    elif kind == 2:
        content[start:start] = content[start:end] * choose.choice((1, 2, 30))
    elif kind == 3:
        lines = content.split(b"\n")
        choose.shuffle(lines)
        content[:] = b"\n".join(lines)
    else:
        content[start : end if kind == 4 else start] = choose.choice(HARD)
