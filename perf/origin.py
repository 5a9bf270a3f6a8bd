"""The origin's way of giving every item its context, in Rust: built where rustc is, and measured beside ours."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from measure import Case

SOURCE = Path(__file__).parent / "origin.rs"


class NoRust(Exception):
    """There is no Rust compiler here."""


@contextmanager
def built() -> Iterator[Path]:
    """Compile the program into a folder of its own; `NoRust` where there is no rustc."""
    compiler = shutil.which("rustc")
    if compiler is None:
        raise NoRust("rustc is not installed")
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "origin"
        subprocess.run([compiler, "-O", "-o", str(program), str(SOURCE)], check=True)
        yield program


@contextmanager
def running(program: Path, items: int) -> Iterator[Case]:
    """Have the program make the contexts of so many items as often as it is asked; it takes its own time."""
    with subprocess.Popen(
        [program, str(items)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        questions, answers = process.stdin, process.stdout

        def case(loops: int) -> float:
            print(loops, file=questions)
            return int(answers.readline()) / 1e9

        yield case
        questions.close()
