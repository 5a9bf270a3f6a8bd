"""The generator of random workflows: the seed says all, and every feature comes up."""

import os
import subprocess
import sys
from pathlib import Path

import yaml

from tests.support.differential.generator import generate

SEEDS = range(1, 201)
HERE = Path(__file__).parent


def test_a_seed_makes_the_same_case_in_every_process() -> None:
    """Two processes with different hash seeds write the same lines."""
    written = [
        subprocess.run(
            [sys.executable, "-m", "tests.support.differential.generator", "1", "60"],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            check=True,
        ).stdout
        for hash_seed in ("1", "2")
    ]
    assert written[0] == written[1]
    assert written[0].count(b"\n") == 60


def test_cases_of_different_seeds_differ() -> None:
    """No two of 200 seeds make the same workflow."""
    assert len({generate(seed)["workflow"] for seed in SEEDS}) == len(SEEDS)


def test_each_feature_of_the_language_comes_up() -> None:
    """200 seeds write each key of a task and of a case, both languages, and each engine command."""
    cases = [generate(seed) for seed in SEEDS]
    text = "\n".join(case["workflow"] for case in cases)
    keys = ("join: all", "with:", "concurrency:", "retry:", "delay:", "publish:", "when:", "vars:", "output:", "input:")
    phrases = ("<% ", "{{ ", "{% ", "item(", "result()", "task_status(", "zip(")
    commands = ("noop", "fail", "continue", "retry")
    assert [sought for sought in (*keys, *phrases, *commands) if sought not in text] == []
    for part in ("inputs", "context", "script", "controls"):
        assert any(part in case for case in cases)


def test_a_workflow_has_at_most_a_dozen_tasks() -> None:
    """Cases stay small enough to be read when two engines differ in one."""
    sizes = []
    for seed in SEEDS:
        try:
            definition = yaml.safe_load(generate(seed)["workflow"])
        except yaml.YAMLError:
            continue
        sizes.append(len(definition["tasks"]))
    assert max(sizes) <= 15
    assert sorted(sizes)[len(sizes) // 2] in range(3, 8)
