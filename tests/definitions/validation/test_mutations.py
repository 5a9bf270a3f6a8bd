"""Mutated definitions give findings, never a traceback.

python -m tests.definitions.validation.test_mutations 10000 1      as many of them, from a seed
"""

import copy
import json
import random
import resource
import subprocess
import sys
import time
from collections import Counter
from typing import Any, Final

from hypothesis import given, settings
from hypothesis import strategies as st

from stretto.definitions.source.yaml_source import compose, to_data
from stretto.definitions.validation import Examination, examine
from tests.support.known_actions import FewActions
from tests.support.paths import BAD, DOCS

FOLDERS = (BAD, DOCS / "examples")
TEXTS = [path.read_text() for folder in FOLDERS for path in sorted(folder.glob("*.yaml"))]
WORDS = (
    "{{", "}}", "{%", "%}", "{", "}", "[", "]", ":", ",", "-", "'", '"', "&a", "*a", "!!", "|", ">", "#", "\n", "\t",
    "\r", "null", "true", "all", "0", "-1", "1e999", ".nan", "task", "workflow", "parameters", "item", "result()",
    "not", "if", " is defined", "tasks", "next", "do", "when", "publish", "with_items",
    "\u2028", "\x00", "\ud800", "é", "𝄞",
)  # fmt: skip
MOST_SECONDS = 5
COUNT: Final = 10_000
CPU_SECONDS: Final = 60
"""Of the process that examines them all: twenty times what it takes."""
MEMORY_BYTES: Final = 1024 * 1024 * 1024
"""Of its address space."""
VALUES: Final[tuple[Any, ...]] = (
    None, True, 0, -1, 1.5, 1e308, 2**63, 2**200, "", " ", "all", "on", "5 %", "core.noop", "{{", "{{ task }}",
    "{{ result().a.b }}", "{{ item }}", "{{ workflow.x }}", "{{ 9 ** 9 ** 9 }}", "{% for a in b %}", "{# c", "\x00",
    "\ud800", "x" * 10_000, "{{ " + "(" * 500, [], {}, [[]], [{}], {"": None}, {"a b": 1}, {"name": "a"},
    {"type": "object"},
    ["{{ item }}"] * 3, [[[[[[[[1]]]]]]]], {"a": {"b": {"c": {}}}},
)  # fmt: skip
"""The values that replace others."""


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """Return a definition to which a few things were done: cut, doubled, swapped, strewn with words of the language."""
    text = draw(st.sampled_from(TEXTS))
    chance = random.Random(draw(st.integers(0, 2**32)))  # noqa: S311 - not for secrets
    for _ in range(draw(st.integers(1, 6))):
        text = _mutated_once(text, chance)
    return text


def _mutated_once(text: str, chance: random.Random) -> str:
    start, end = sorted((chance.randint(0, len(text)), chance.randint(0, len(text))))
    end = min(end, start + 80)
    kind = chance.randrange(5)
    if kind == 0:
        return text[:start] + text[end:]
    if kind == 1:
        return text[:end] + text[start:end] + text[end:]
    if kind == 2:
        other = chance.choice(TEXTS)
        begin = chance.randint(0, len(other))
        return text[:start] + other[begin : begin + 80] + text[end:]
    if kind == 3:
        lines = text.split("\n")
        chance.shuffle(lines)
        return "\n".join(lines)
    return text[:start] + chance.choice(WORDS) + text[start:]


def check(text: str) -> Examination:
    """Examine a text: findings in the file's order, each at a place that exists, and in time."""
    began = time.thread_time()
    examination = examine(text, "mutated.yaml", FewActions())
    assert time.thread_time() - began < MOST_SECONDS
    places = [(each.place.line, each.place.column) for each in examination.findings]
    assert places == sorted(places)
    assert all(line >= 1 and column >= 1 for line, column in places)
    assert examination.workflow is not None or examination.errors
    return examination


@settings(max_examples=300, deadline=None)
@given(mutated())
def test_a_mutated_definition_gives_findings(text: str) -> None:
    """No mutation makes the examination raise, or tells a place that is none."""
    check(text)


def test_ten_thousand_mutations_give_findings() -> None:
    """The same ones each time, in a process whose time and memory the system bounds."""
    command = [
        sys.executable,
        "-X",
        "faulthandler",
        "-m",
        "tests.definitions.validation.test_mutations",
        str(COUNT),
        "1",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, encoding="utf-8", errors="replace")
    assert done.returncode == 0, (done.stdout + done.stderr)[-5000:]
    report = json.loads(done.stdout)
    # They are not all refused at the door: every stage is reached by some.
    assert report["examined"] == COUNT
    assert report["workflows"] > COUNT // 10
    assert len(report["codes"]) > 60


def _limit() -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))


def _restructured(data: Any, chance: random.Random) -> Any:
    """Return a definition's data with something else in one place: a value of `VALUES`, or another part of itself."""
    places: list[tuple[Any, Any]] = []
    coming = [data]
    while coming:
        node = coming.pop()
        members = list(node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ())
        places += [(node, key) for key, _ in members]
        coming += [member for _, member in members]
    if not places:
        return copy.deepcopy(chance.choice(VALUES))
    node, key = chance.choice(places)
    kind = chance.randrange(4)
    if kind == 0:
        del node[key]
    elif kind == 1:
        other, there = chance.choice(places)
        # A copy: what contains itself cannot be written.
        node[key] = json.loads(json.dumps(other.get(there) if isinstance(other, dict) else other[there]))
    elif kind == 2 and isinstance(node, dict):
        node[chance.choice(WORDS)] = node.pop(key)
    else:
        # A copy here, too: the next mutation may put something into it.
        node[key] = copy.deepcopy(chance.choice(VALUES))
    return data


def examine_many(count: int, seed: int) -> dict[str, Any]:
    """Examine as many mutations, half of texts and half of what they say; return what came of it."""
    chance = random.Random(seed)  # noqa: S311 - not for secrets
    structures = [data for data in map(_data_of, TEXTS) if data is not None]
    codes: Counter[str] = Counter()
    workflows = 0
    for number in range(count):
        if number % 2:
            text = chance.choice(TEXTS)
            for _ in range(chance.randint(1, 6)):
                text = _mutated_once(text, chance)
        else:
            data = json.loads(chance.choice(structures))
            for _ in range(chance.randint(1, 3)):
                data = _restructured(data, chance)
            text = json.dumps(data, ensure_ascii=bool(chance.randrange(2)))
        try:
            examination = check(text)
        except BaseException:
            sys.stderr.write(f"mutation {number} of seed {seed}: {text!r}\n")
            raise
        workflows += examination.workflow is not None
        codes.update({finding.code for finding in examination.findings})
    return {"examined": count, "workflows": workflows, "codes": dict(codes.most_common())}


def _data_of(text: str) -> str | None:
    node = compose(text, "x.yaml", lambda _finding: None)
    return None if node is None else json.dumps(to_data(node))


if __name__ == "__main__":
    _limit()
    sys.stdout.write(json.dumps(examine_many(int(sys.argv[1]), int(sys.argv[2]))))
