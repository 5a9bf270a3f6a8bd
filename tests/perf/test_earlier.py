"""Runs of an earlier revision beside those of this one."""

import subprocess
from pathlib import Path

import earlier
import pages
import pytest
from earlier import BEFORE, CORES, HERE, ONE_CORE, WORK, NoHistory, linked, runs_of, targets, unpacked


def test_an_engine_of_this_revision_answers_with_the_seconds_of_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the same worker as one of the earlier revision, also on one core."""
    monkeypatch.setattr(pages, "FIGURES", tmp_path)
    for cores in (CORES, ONE_CORE):
        with runs_of(linked(), cores) as ask:
            for work, _, _ in WORK.values():
                found = ask(work, 2)
                assert found.keys() == {"processor", "seconds"}
                assert all(values[0] > 0 for values in found.values())


def test_a_copy_without_history_has_no_earlier_revision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The section is not measured then, and says why."""
    monkeypatch.setattr(pages, "ROOT", tmp_path)
    monkeypatch.setattr(pages, "FIGURES", tmp_path)
    with pytest.raises(NoHistory, match="no f3da086"):
        unpacked("f3da086")


def test_the_packages_of_a_revision_are_unpacked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As `stretto`, so that they come before those that are installed."""
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@example.com", "-C", str(tmp_path)]
    subprocess.run([*git, "init", "--quiet"], check=True)
    for name in earlier.PACKAGES:
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(f"NAME = {name!r}\n")
    subprocess.run([*git, "add", "."], check=True)
    subprocess.run([*git, "commit", "--quiet", "-m", "first"], check=True)
    monkeypatch.setattr(pages, "ROOT", tmp_path)
    monkeypatch.setattr(pages, "FIGURES", tmp_path / "figures")
    folder = unpacked("HEAD")
    assert (folder / "stretto" / "actors" / "__init__.py").read_text() == "NAME = 'actors'\n"
    (folder / "stretto" / "actors" / "mine").touch()
    assert unpacked("HEAD") == folder
    assert (folder / "stretto" / "actors" / "mine").exists()


def test_a_run_is_compared_by_the_clock_and_by_processor_time() -> None:
    """And by processor time, both on all cores. The remark has that on one core."""
    work = next(iter(WORK))
    kinds = ("seconds", "processor")
    samples = {
        f"{work}, {cores}, {name}, {kind}": [1e-4] * 3
        for cores in (CORES, ONE_CORE) for name in (HERE, BEFORE) for kind in kinds
    }  # fmt: skip
    samples[f"{work}, {CORES}, {HERE}, seconds"] = [5e-5] * 3
    samples[f"{work}, {ONE_CORE}, {HERE}, processor"] = [2e-5] * 3
    found = targets(samples)
    by_clock, processor = found["earlier run"], found["earlier run, CPU"]
    assert (by_clock.value, by_clock.remark) == (0.5, "50 us ±0%")
    assert (processor.value, processor.remark) == (1.0, "100 us ±0%; on one core 0.2 x")


def test_all_pairs_of_processes_have_their_rounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their values are those of all pairs, by the same names. This revision stands in for the earlier one."""
    monkeypatch.setattr(pages, "FIGURES", tmp_path)
    monkeypatch.setattr(earlier, "unpacked", lambda _revision: linked())
    monkeypatch.setattr(earlier, "WORK", {"one": ("one", 1, 2)})
    monkeypatch.setattr(earlier, "PAIRS", 2)
    samples = earlier.measure(4)
    kinds = ("seconds", "processor")
    assert samples.keys() == {
        f"one, {cores}, {name}, {kind}" for cores in (CORES, ONE_CORE) for name in (HERE, BEFORE) for kind in kinds
    }
    assert {len(values) for values in samples.values()} == {4}
    assert earlier.table(samples).lines()
