"""Python files of packs, parsed and never imported."""

import ast
from pathlib import Path
from typing import Final

from stretto.actors.text_files import read_bytes

MAX_PYTHON_BYTES: Final = 4 * 1024 * 1024
"""Bytes of a Python file that is looked at. A parsed file takes some hundred times as many."""


class NotPython(Exception):
    """A file cannot be read as Python.

    Attributes:
        code: The code of the finding.
        problem: What is wrong, after the name of the file: "is not valid Python 3: ...".
        line: The line, from 1.
        column: The column, from 1.
    """

    def __init__(self, code: str, problem: str, line: int = 1, column: int = 1) -> None:
        super().__init__(problem)
        self.code = code
        self.problem = problem
        self.line = line
        self.column = column


def parse(path: Path) -> ast.Module:
    """Return the tree of a file.

    Raises:
        NotPython: It cannot be read, has more than `MAX_PYTHON_BYTES`, or is not valid Python 3.
    """
    try:
        text = read_bytes(path)
    except OSError as error:
        raise NotPython("not_readable", f"cannot be read: {error.strerror}") from None
    if len(text) > MAX_PYTHON_BYTES:
        bound = f"{MAX_PYTHON_BYTES:,} bytes (MAX_PYTHON_BYTES)"
        raise NotPython("not_python", f"must have at most {bound}, and has {len(text):,}")
    try:
        return ast.parse(text)
    except SyntaxError as error:
        line, column = error.lineno or 1, error.offset or 1
        raise NotPython("not_python", f"is not valid Python 3: {error.msg}", line, column) from None
    except (ValueError, RecursionError, MemoryError) as error:  # a null character; or it is nested too deeply
        reason = str(error) or "it is nested too deeply"
        raise NotPython("not_python", f"is not valid Python 3: {reason}") from None
