"""Lines of a bounded length from a stream of bytes."""

from collections.abc import Iterator


class LineCutter:
    """Cuts bytes into lines. Of a line that is too long, one notice comes in its place.

    Args:
        most: How many bytes a line may have.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._begun = bytearray()
        self._is_too_long = False

    def feed(self, chunk: bytes) -> Iterator[bytes | None]:
        """Yield the lines that are complete, without their ends; None for one that is too long."""
        *complete, rest = chunk.split(b"\n")
        for part in complete:
            yield self._complete(part)
        self._add(rest)

    def end(self) -> Iterator[bytes | None]:
        """Yield what follows the last end of a line, if anything."""
        if self._begun or self._is_too_long:
            yield self._complete(b"")

    def _add(self, part: bytes) -> None:
        if len(self._begun) + len(part) > self._most:
            self._is_too_long = True
            self._begun.clear()
        elif not self._is_too_long:
            self._begun += part

    def _complete(self, part: bytes) -> bytes | None:
        self._add(part)
        line = None if self._is_too_long else bytes(self._begun)
        self._begun.clear()
        self._is_too_long = False
        return line
