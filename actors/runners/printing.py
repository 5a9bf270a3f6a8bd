"""The text that the code of actions prints and logs, attributed to its call.

    sys.stdout, sys.stderr --> stream in their place --> print_slot of the context --> PrintedText of the call
    logging's root ---------> handler --------------'        '--> none: the process's own streams

A runner sets `print_slot` around each call. Threads that an action starts have no slot: their text goes to standard
error, because standard output is for results.
"""

import logging
import sys
import threading
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from typing import Any, Final, TextIO

from stretto.actors.actions import OutputWatchers
from stretto.actors.process import generation

PRINTED_BYTES: Final = 65_536
"""How many of the newest bytes of an attempt's text are kept."""


class PrintedText:
    """The newest text of one call, at most `PRINTED_BYTES`. Thread-safe. Nothing is masked here.

    Args:
        cut: How many bytes before it were dropped.
    """

    __slots__ = ("_cut", "_kept", "_lock")

    def __init__(self, cut: int = 0) -> None:
        self._kept = bytearray()
        self._cut = cut
        self._lock = threading.Lock()

    def write(self, text: str) -> None:
        """Append a text, and drop the oldest bytes beyond the bound."""
        data = text.encode("utf-8", "backslashreplace")
        with self._lock:
            self._kept += data
            surplus = len(self._kept) - PRINTED_BYTES
            if surplus > 0:
                del self._kept[:surplus]
                self._cut += surplus

    def newest(self) -> tuple[str, int]:
        """Return the text, which begins with a whole character, and how many bytes before it were dropped."""
        with self._lock:
            kept, cut = bytes(self._kept), self._cut
        begins = 0
        while cut and begins < len(kept) and kept[begins] & 0xC0 == 0x80:
            begins += 1
        return kept[begins:].decode("utf-8", "replace"), cut + begins


class PrintSlot(list[PrintedText]):
    """The text of a call, and who watches it. Empty until the call prints: most calls print nothing."""

    _watchers: OutputWatchers | None = None

    def watch(self, watcher: Callable[[], object]) -> None:
        """Call a function once, when the call prints next. Any thread may call this."""
        if self._watchers is None:
            self._watchers = OutputWatchers()
        self._watchers.add(watcher)

    def changed(self) -> None:
        """Call those who watch: there is more text."""
        if self._watchers is not None:
            self._watchers.call()


print_slot: ContextVar[PrintSlot | None] = ContextVar("stretto_print_slot", default=None)
"""The slot of the current call, or None outside of calls whose text is captured."""

_filling = threading.Lock()
_installing = threading.Lock()


def append_printed(slot: PrintSlot, text: str) -> None:
    """Append a text to that of a call, and tell those who watch."""
    if not slot:
        with _filling:
            if not slot:
                slot.append(PrintedText())
    slot[0].write(text)
    slot.changed()


def replace_printed(slot: PrintSlot, text: str, cut: int) -> None:
    """Take the text of a call that another process has kept, and tell those who watch.

    Args:
        slot: The slot of the call.
        text: Its newest text.
        cut: How many bytes before it were dropped.
    """
    whole = PrintedText(cut)
    whole.write(text)
    slot[:] = [whole]
    slot.changed()


class _Stream:
    """Stands in the place of sys.stdout or sys.stderr. Outside of calls it is the stream that it replaces."""

    def __init__(self, replaced: TextIO, of_threads: TextIO, echo: TextIO | None) -> None:
        """Replace a stream; `of_threads` gets the text of other threads than the main one, `echo` that of calls."""
        self._replaced = replaced
        self._of_threads = of_threads
        self._echo = echo
        self._process = generation()

    def write(self, text: str) -> int:
        """Write to the slot of the current call, or to the stream."""
        slot = self._slot()
        if slot is None:
            return self._outside().write(text)
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        append_printed(slot, text)
        if self._echo is not None:
            self._echo.write(text)
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write texts."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Flush the stream."""
        if self._slot() is None:
            self._outside().flush()
        elif self._echo is not None:
            self._echo.flush()

    def isatty(self) -> bool:
        """Return whether the text is shown on a terminal; that of a call is not."""
        return self._slot() is None and self._outside().isatty()

    @property
    def buffer(self) -> Any:
        """The stream of bytes."""
        return self._outside().buffer if self._slot() is None else _Bytes(self)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._outside(), name)

    def _slot(self) -> PrintSlot | None:
        # A forked child has a copy of its parent's slots, which is never read.
        return print_slot.get() if generation() == self._process else None

    def _outside(self) -> TextIO:
        return self._replaced if threading.current_thread() is threading.main_thread() else self._of_threads


class _Bytes:
    """The `buffer` of a stream in a call."""

    def __init__(self, stream: _Stream) -> None:
        self._stream = stream

    def write(self, data: bytes) -> int:
        self._stream.write(bytes(data).decode("utf-8", "replace"))
        return len(data)

    def flush(self) -> None:
        self._stream.flush()


class _Records(logging.Handler):
    """Writes the log records of calls to their slots. Other handlers get them as well."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        slot = print_slot.get()
        if slot is None:
            return
        try:
            append_printed(slot, f"{self.format(record)}\n")
        except Exception:  # noqa: BLE001 - by logging's contract a bad record is reported, never raised to its caller
            self.handleError(record)


class _Capture:
    """The streams and the handler in place, and how many users they have."""

    def __init__(self, echo: TextIO | None) -> None:
        self._replaced = sys.stdout, sys.stderr
        of_threads = echo or sys.stderr
        self._streams = _Stream(sys.stdout, of_threads, echo), _Stream(sys.stderr, of_threads, echo)
        self._records = _Records()
        self._users = 0
        sys.stdout, sys.stderr = self._streams
        logging.getLogger().addHandler(self._records)

    @property
    def is_in_place(self) -> bool:
        """Whether no one has replaced the streams since."""
        return (sys.stdout, sys.stderr) == self._streams

    def stop_records(self) -> None:
        logging.getLogger().removeHandler(self._records)

    def use(self) -> None:
        self._users += 1

    def release(self) -> None:
        """Restore what was replaced when the last user is gone, except for streams that someone else has replaced."""
        with _installing:
            self._users -= 1
            if self._users:
                return
            self.stop_records()
            for name, stream, replaced in zip(("stdout", "stderr"), self._streams, self._replaced, strict=True):
                if getattr(sys, name) is stream:
                    setattr(sys, name, replaced)


_captures: list[_Capture] = []
"""The last capture."""


def capture_prints(echo: TextIO | None = None) -> Callable[[], None]:
    """Write the text of calls with a `print_slot` there, and that of all others to the process's streams.

    Captures nest: a second one uses the streams of the first.

    Args:
        echo: A stream that gets the text as well, and that of other threads instead of standard error, or None.

    Returns:
        A function that ends the capture.
    """
    with _installing:
        if not _captures or not _captures[0].is_in_place:
            for replaced in _captures:
                replaced.stop_records()
            _captures[:] = [_Capture(echo)]
        capture = _captures[0]
        capture.use()
    return capture.release
