"""The daemon's watch over its folders: real files and the real inotify, in virtual time."""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from stretto.actors.daemon import watching as module
from stretto.actors.daemon.watching import watching
from stretto.metrics import configure_logging
from tests.support.virtual_loop import run_in_virtual_time
from tests.support.waiting import PATIENCE

Tell = Callable[[], Awaitable[None]]


def run(folder: Path, steps: Callable[[Tell], Awaitable[None]]) -> int:
    """Watch a folder while `steps` change it; they await what they are given to be told. Return how often it was."""
    told = 0

    async def main() -> None:
        nonlocal told
        changes: asyncio.Queue[None] = asyncio.Queue()

        async def next_change() -> None:
            nonlocal told
            async with asyncio.timeout(PATIENCE):
                await changes.get()
            told += 1

        async with watching([str(folder)], lambda: changes.put_nowait(None)):
            await steps(next_change)
        told += changes.qsize()

    run_in_virtual_time(main())
    return told


def rename_over(path: Path) -> None:
    """Save as editors do: another file, renamed."""
    other = path.with_name(f".{path.name}.tmp")
    other.write_text("a: 2")
    other.rename(path)


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "a.yaml").write_text("a: 2"),
        lambda folder: rename_over(folder / "a.yaml"),
        lambda folder: (folder / "a.yaml").unlink(),
        lambda folder: (folder / "a.yaml").rename(folder / "away.txt"),
        lambda folder: (folder / "new.yml").touch(),
        lambda folder: (folder / "linked.yaml").symlink_to("a.yaml"),
        lambda folder: (folder / "below" / "c.yaml").write_text("c: 1"),
        lambda folder: (folder / "below").rename(folder / "renamed"),
        lambda folder: (folder / "made").mkdir(),
        lambda folder: folder.rename(folder.with_name("elsewhere")),
    ],
)
def test_each_kind_of_change_is_told(tmp_path: Path, change: Callable[[Path], Any]) -> None:
    """Files and folders that are written, renamed, made and deleted."""
    folder = tmp_path / "definitions"
    (folder / "below").mkdir(parents=True)
    (folder / "a.yaml").write_text("a: 1")

    async def steps(next_change: Tell) -> None:
        change(folder)
        await next_change()

    assert run(folder, steps) == 1


def test_what_comes_in_one_go_is_told_once(tmp_path: Path) -> None:
    """100 files in a new folder are one change."""

    async def steps(next_change: Tell) -> None:
        below = tmp_path / "new" / "deeper"
        below.mkdir(parents=True)
        for number in range(100):
            (below / f"{number}.yaml").write_text("a: 1")
        await next_change()

    assert run(tmp_path, steps) == 1


def test_new_folders_are_watched(tmp_path: Path) -> None:
    """A file in a folder that was made after the start is told."""
    folder = tmp_path / "definitions"
    folder.mkdir()

    async def steps(next_change: Tell) -> None:
        (folder / "new" / "deeper").mkdir(parents=True)
        await next_change()
        (folder / "new" / "deeper" / "a.yaml").write_text("a: 1")
        await next_change()

    assert run(folder, steps) == 2


def test_a_folder_that_is_put_there_anew_is_watched(tmp_path: Path) -> None:
    """The folder itself deleted and made again, and a link to it that is turned to another folder."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    folder = tmp_path / "current"
    folder.symlink_to("one")

    async def steps(next_change: Tell) -> None:
        (tmp_path / "next").symlink_to("two")
        (tmp_path / "next").rename(folder)
        await next_change()
        (tmp_path / "two" / "a.yaml").write_text("a: 1")
        await next_change()
        folder.unlink()
        folder.mkdir()
        await next_change()
        (folder / "a.yaml").write_text("a: 1")
        await next_change()

    assert run(folder, steps) == 4


def test_other_files_do_not_matter(tmp_path: Path) -> None:
    """An editor's own files, what git and Python keep, and what lies beside the folder, are no changes."""
    folder = tmp_path / "definitions"
    (folder / ".git").mkdir(parents=True)
    (folder / "below").mkdir()

    async def names() -> set[str]:
        """Return what matters of all that happens until last.yaml is there."""
        watch = module._Watch([str(folder)])
        (folder / ".a.yaml.swp").write_text("x")
        (folder / "a.yaml~").write_text("x")
        (folder / ".git" / "a.yaml").write_text("x")
        (folder / "__pycache__").mkdir()
        (tmp_path / "beside.yaml").write_text("x")
        (folder / "below" / "b.yaml").write_text("x")
        (folder / "last.yaml").write_text("x")
        mattered: set[str] = set()
        while "last.yaml" not in mattered:
            event = await asyncio.wait_for(watch._inotify.get(), PATIENCE)
            mattered |= {str(event.name)} if watch._matters(event) else set()
        watch.close()
        return mattered

    assert asyncio.run(names()) == {"b.yaml", "last.yaml"}


def test_what_is_gone_is_not_watched_any_more(tmp_path: Path) -> None:
    """A folder that was moved away with those below it does not keep the kernel's watches."""
    folder = tmp_path / "definitions"
    (folder / "below" / "deeper").mkdir(parents=True)
    watch = module._Watch([str(folder)])
    assert set(watch._paths.values()) == {folder, folder / "below", folder / "below" / "deeper"}
    (folder / "below").rename(tmp_path / "away")
    watch._follow()
    assert set(watch._paths.values()) == {folder}
    (tmp_path / "away" / "a.yaml").write_text("x")
    (folder / "last.yaml").write_text("x")

    async def names() -> list[str]:
        """Return what was written and told, up to last.yaml."""
        told: list[str] = []
        while "last.yaml" not in told:
            event = await asyncio.wait_for(watch._inotify.get(), PATIENCE)
            told += [str(event.name)] if event.name is not None and event.name.suffix else []
        return told

    assert asyncio.run(names()) == ["last.yaml"]
    watch.close()


def test_changes_without_end_are_told_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that is never quiet is told all the same."""
    monkeypatch.setattr(module, "QUIET_SECONDS", 1000.0)
    monkeypatch.setattr(module, "LONGEST_SECONDS", 0.05)

    async def steps(next_change: Tell) -> None:
        (tmp_path / "a.yaml").write_text("x")
        await next_change()

    assert run(tmp_path, steps) == 1


@pytest.mark.usefixtures("restored_logging")
def test_without_inotify_it_is_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On another platform, or where the kernel has no more watches, the log names SIGHUP, and all else goes on."""
    configure_logging("WARNING", style="json")
    monkeypatch.setitem(sys.modules, "asyncinotify", None)

    async def steps(_next_change: Tell) -> None:
        (tmp_path / "a.yaml").write_text("x")

    assert run(tmp_path, steps) == 0
    (line,) = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert line["event"] == "definitions_not_watched"
    assert (line["reason"], line["remedy"]) == ("there is no inotify here", "send SIGHUP after a change")
