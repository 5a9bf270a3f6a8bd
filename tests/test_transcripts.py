"""The pages that a newcomer follows are typed line by line: what is shown is what is printed."""

from pathlib import Path

import pytest

from tests.support.paths import DOCS, ROOT
from tests.support.transcripts import TypedCommand, WrittenFile, new_checkout, output_of, steps_of

PAGES = [ROOT / "README.md", *sorted(DOCS.glob("tutorial*.md")), DOCS / "rehearsals.md"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_command_of_a_page_prints_what_is_shown(page: Path, tmp_path: Path) -> None:
    """In the order of the page, in a new folder. Only ids, times and durations differ from run to run."""
    new_checkout(tmp_path)
    typed = 0
    for step in steps_of(page.read_text()):
        if isinstance(step, WrittenFile):
            (tmp_path / step.name).write_text(step.content)
        elif not step.is_setup:
            real = output_of(step.command, tmp_path)
            assert step.prints(real), f"{page.name}: $ {step.command}\n{real}\n--- but the page shows\n{step.shown}"
            typed += 1
    assert typed >= 2


SAMPLE = """\
Two files. `one.txt`:

```text
1
```

```yaml
not: a file
```

```console
$ pip install '.[orquesta]'
$ cat \\
    one.txt
1
$ false
```
"""


def test_the_files_and_commands_of_a_page_are_found_in_its_order() -> None:
    """A block without a name is no file; a command goes on after a backslash; installing is what CI does."""
    file, install, cat, nothing = steps_of(SAMPLE)
    assert file == WrittenFile("one.txt", "1\n")
    assert isinstance(install, TypedCommand)
    assert install.is_setup
    assert cat == TypedCommand("cat \\\n    one.txt", "1\n")
    assert nothing == TypedCommand("false", "")


@pytest.mark.parametrize(
    ("shown", "real", "same"),
    [
        ("run 01a20b26-91f5-714a-91ec-a7edcb6a3aca\n", "run 01a20b26-980d-7863-a5ab-c6e395570024\n", True),
        ("took 0.02 s, 97/s\n", "took 1.5 s, 1,000/s\n", True),
        ("   37 s\n", "   38 s\n", False),
        ("at 2026-11-26 02:25:32+0000\n", "at 2027-01-01 00:00:00+0000\n", True),
        ("expected a, ..., z\n", "expected a, b, c, z\n", True),
        ("first\n...\nlast\n", "first\n2\n3\nlast\n", True),
        ("expected a, ..., z\n", "expected a, b\n, z\n", False),
        ("2 items\n", "3 items\n", False),
        ("one\n", "one\ntwo\n", False),
    ],
)  # fmt: skip
def test_an_output_is_the_one_shown_as_far_as_it_is_stable(shown: str, real: str, same: bool) -> None:
    """Ids, times and durations may differ; "..." is any text of a line, or any lines."""
    assert TypedCommand("", shown).prints(real) is same
