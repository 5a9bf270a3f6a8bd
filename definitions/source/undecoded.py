"""Where a file stops being text."""

from stretto.definitions.errors import Place


def undecoded_place(file: str, error: UnicodeDecodeError) -> Place:
    """Return the place of the first byte of a file that is not UTF-8.

    Args:
        file: The file's path, as it was given.
        error: The error, which has the whole content of the file.
    """
    before = error.object[: error.start]
    line = before.rpartition(b"\n")[2]
    return Place(file, before.count(b"\n") + 1, len(line.decode("utf-8", "replace")) + 1)
