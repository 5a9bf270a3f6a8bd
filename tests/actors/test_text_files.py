"""Files that people name: what is read, and that nothing else blocks the reader or fills the memory."""

import errno
import os
import socket
import threading
from pathlib import Path

import pytest

from stretto.actors import text_files
from stretto.actors.text_files import read_bytes, read_text
from tests.support.waiting import PATIENCE


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_files, "SILENCE_SECONDS", 0.05)
    monkeypatch.setattr(text_files, "MAX_BYTES", 1000)


def test_a_file_is_read_as_text(tmp_path: Path) -> None:
    """With the line ends of any system."""
    (tmp_path / "file").write_bytes("a\r\nb\rä\n".encode())
    assert read_text(tmp_path / "file") == "a\nb\nä\n"
    assert read_bytes(str(tmp_path / "file")) == "a\r\nb\rä\n".encode()
    assert read_text(os.devnull) == ""


def test_a_file_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    """The error has the place of the byte."""
    (tmp_path / "file").write_bytes(b"a\xff")
    with pytest.raises(UnicodeDecodeError) as caught:
        read_text(tmp_path / "file")
    assert caught.value.start == 1


def test_a_pipe_is_read_until_its_writer_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It comes in pieces, as from a command of the shell."""
    monkeypatch.setattr(text_files, "SILENCE_SECONDS", PATIENCE)
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    writer = os.open(path, os.O_WRONLY)
    os.write(writer, b"one ")
    os.set_blocking(writer, True)

    def write() -> None:
        os.write(writer, b"two")
        os.close(writer)

    thread = threading.Thread(target=write)
    thread.start()
    assert read_text(path) == "one two"
    thread.join()
    os.close(reader)


def test_a_pipe_is_read_after_its_writer_has_ended(tmp_path: Path) -> None:
    """The kernel does not report the writer's end to a reader that came later, but there is nothing to wait for."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    path.write_text("all")
    assert read_text(path) == "all"
    os.close(reader)


@pytest.mark.parametrize("has_writer", [False, True])
def test_a_silent_pipe_is_given_up(tmp_path: Path, *, has_writer: bool) -> None:
    """Whether a process could write to it or not."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    held = [os.open(path, os.O_RDWR)] if has_writer else []
    with pytest.raises(TimeoutError, match=r"nothing was written to it for 0\.05 seconds"):
        read_bytes(path)
    for each in held:
        os.close(each)


def test_files_of_other_kinds_are_refused(tmp_path: Path) -> None:
    """Each with a reason in words."""
    with pytest.raises(IsADirectoryError, match="Is a directory"):
        read_bytes(tmp_path)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
        with pytest.raises(OSError, match="it is a socket, and a file is needed"):
            read_bytes(tmp_path / "socket")
    with pytest.raises(FileNotFoundError):
        read_bytes(tmp_path / "missing")
    with pytest.raises(OSError, match="null"):
        read_bytes("a\0b")


@pytest.mark.parametrize("kind", ["file", "device"])
def test_the_size_is_bounded(tmp_path: Path, kind: str) -> None:
    """A device without an end, and a file that is larger than any that a person writes."""
    (tmp_path / "file").write_bytes(b"x" * 1001)
    with pytest.raises(OSError, match="it must have at most 1,000 bytes, and has more") as caught:
        read_bytes(tmp_path / "file" if kind == "file" else "/dev/zero")
    assert caught.value.errno == errno.EFBIG


def test_the_open_file_can_be_checked(tmp_path: Path) -> None:
    """Before anything is read."""
    (tmp_path / "file").write_text("secret")
    (tmp_path / "file").chmod(0o644)

    def check(found: os.stat_result) -> None:
        raise PermissionError(oct(found.st_mode & 0o777))

    with pytest.raises(PermissionError, match="0o644"):
        read_bytes(tmp_path / "file", check)
