"""Every place of a definition where an expression stands, each with a bomb, and a program that runs them on an engine.

Run as a program under limits of the system, it reads a dialect from its input, and prints a JSON line for each place:
its name, the CPU seconds of the run, its status and errors, and the status of another run that was submitted with it.
"""

import json
import resource
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from stretto.actors import Engine
from stretto.actors.engine import startup
from stretto.definitions.expressions import ExpressionLimits
from tests.support.waiting import PATIENCE

MAX_MEMORY = 2_000 * 1024 * 1024
CPU_SECONDS = 200
BIG = "a" * 1_000_000


def _calls(dialect: str, count: int) -> str:
    """Return an expression with that many costly calls."""
    if dialect == "yaql":
        return f"<% range({count}).select(ctx(big) =~ '(a|aa)*b').len() %>"
    call = {"native": "match('(a|aa)*b', parameters.big)", "jinja": "ctx().big|regex_match('(a|aa)*b')"}[dialect]
    return "{{ [" + ", ".join([call] * count) + "] }}"


MEMORY_BOMB = {"native": "{{ 'x' * 10 ** 10 }}", "yaql": "<% 'x' * 10000000000 %>", "jinja": "{{ 'x' * 10 ** 10 }}"}
ITEMS = {"yaql": "<% range(200) %>", "jinja": "{{ range(200)|list }}"}
LIMITS = ExpressionLimits(max_cost=500_000)
"""A tenth of the default: an event has a tenth of a second."""
BOMB_CALLS, PART_CALLS = 200, 3
"""A part stays below the limit of one evaluation, and many of them are above the budget of an event."""
MANY = 100


def _many(name: str, part: str) -> str:
    return "[" + ", ".join(f'{{{name}{number}: "{part}"}}' for number in range(MANY)) + "]"


def _many_of_object(part: str) -> str:
    return "{" + ", ".join(f'x{number}: "{part}"' for number in range(MANY)) + "}"


_HEAD = 'version: "1.0.0"\nref: bombs.place\nparameters: {big: {type: string, required: true}}\n'
_NOOP = "tasks: [{name: a, action: core.noop}]\n"
NATIVE_PLACES = {
    "vars": _HEAD + 'vars: [{x: "BOMB"}]\n' + _NOOP,
    "output_map": _HEAD + _NOOP + 'output_map: {x: "BOMB"}\n',
    "when": _HEAD + 'tasks: [{name: a, action: core.noop, when: "BOMB"}]\n',
    "delay": _HEAD + 'tasks: [{name: a, action: core.noop, delay: "BOMB"}]\n',
    "timeout": _HEAD + 'tasks: [{name: a, action: core.noop, timeout: "BOMB"}]\n',
    "input": _HEAD + 'tasks: [{name: a, action: core.echo, input: {message: "BOMB"}}]\n',
    "with_items": _HEAD + 'tasks: [{name: a, action: core.noop, with_items: "BOMB"}]\n',
    "lines": _HEAD + 'tasks: [{name: a, action: core.noop, with_items: {lines: "BOMB"}}]\n',
    "results": _HEAD + 'tasks: [{name: a, action: core.noop, with_items: [1], results: {jsonl: "BOMB"}}]\n',
    "concurrency": _HEAD + 'tasks: [{name: a, action: core.noop, with_items: [1], concurrency: "BOMB"}]\n',
    "retry.count": _HEAD + 'tasks: [{name: a, action: core.noop, retry: {count: "BOMB"}}]\n',
    "retry.delay": _HEAD + 'tasks: [{name: a, action: core.noop, retry: {count: 1, delay: "BOMB"}}]\n',
    "retry.max_delay": _HEAD + 'tasks: [{name: a, action: core.noop, retry: {count: 1, max_delay: "BOMB"}}]\n',
    "retry.on_error": _HEAD
    + 'tasks: [{name: a, action: core.fail, input: {message: no}, retry: {count: 1, on_error: "BOMB"}}]\n',
    "next.when": _HEAD + 'tasks: [{name: a, action: core.noop, next: [{when: "BOMB"}]}]\n',
    "publish": _HEAD + 'tasks: [{name: a, action: core.noop, next: [{publish: [{x: "BOMB"}]}]}]\n',
    "many vars": _HEAD + f"vars: {_many('x', 'PART')}\n" + _NOOP,
    "many in output_map": _HEAD + _NOOP + f"output_map: {_many_of_object('PART')}\n",
    "many in publish": _HEAD + f"tasks: [{{name: a, action: core.noop, next: [{{publish: {_many('x', 'PART')}}}]}}]\n",
    "many in input": _HEAD + f"tasks: [{{name: a, action: core.noop, input: {_many_of_object('PART')}}}]\n",
    "many tasks": _HEAD
    + "tasks:\n"
    + "".join(f'  - {{name: a{number}, action: core.noop, when: "PART"}}\n' for number in range(MANY)),
}
_ORQUESTA = "version: 1.0\ninput: [big]\n"
ORQUESTA_PLACES = {
    "input": 'version: 1.0\ninput: [big, {x: "BOMB"}]\ntasks: {a: {action: core.noop}}\n',
    "vars": _ORQUESTA + 'vars: [{x: "BOMB"}]\ntasks: {a: {action: core.noop}}\n',
    "output": _ORQUESTA + 'output: [{x: "BOMB"}]\ntasks: {a: {action: core.noop}}\n',
    "action": _ORQUESTA + 'tasks: {a: {action: "BOMB"}}\n',
    "task input": _ORQUESTA + 'tasks: {a: {action: core.echo, input: {message: "BOMB"}}}\n',
    "key of input": _ORQUESTA + 'tasks: {a: {action: core.echo, input: {"KEY": 1}}}\n',
    "with": _ORQUESTA + 'tasks: {a: {action: core.noop, with: "BOMB"}}\n',
    "concurrency": _ORQUESTA + 'tasks: {a: {action: core.noop, with: {items: "ITEMS", concurrency: "BOMB"}}}\n',
    "delay": _ORQUESTA + 'tasks: {a: {action: core.noop, delay: "BOMB"}}\n',
    "retry.count": _ORQUESTA + 'tasks: {a: {action: core.noop, retry: {count: "BOMB"}}}\n',
    "retry.delay": _ORQUESTA + 'tasks: {a: {action: core.noop, retry: {count: 1, delay: "BOMB"}}}\n',
    "retry.when": _ORQUESTA + 'tasks: {a: {action: core.noop, retry: {count: 1, when: "BOMB"}}}\n',
    "next.when": _ORQUESTA + 'tasks: {a: {action: core.noop, next: [{when: "BOMB"}]}}\n',
    "publish": _ORQUESTA + 'tasks: {a: {action: core.noop, next: [{publish: [{x: "BOMB"}]}]}}\n',
    "many vars": _ORQUESTA + f"vars: {_many('x', 'PART')}\ntasks: {{a: {{action: core.noop}}}}\n",
    "many in publish": _ORQUESTA + f"tasks: {{a: {{action: core.noop, next: [{{publish: {_many('x', 'PART')}}}]}}}}\n",
    "many items": _ORQUESTA + 'tasks: {a: {action: core.noop, with: "ITEMS", input: {x: "PART"}}}\n',
    "many tasks": _ORQUESTA
    + "tasks:\n"
    + "".join(f'  a{number}: {{action: core.noop, delay: "PART"}}\n' for number in range(MANY)),
}
OTHER = """version: "1.0.0"
ref: bombs.other
tasks: [{name: a, action: core.noop, next: [{do: [b]}]}, {name: b, action: core.noop}]
"""


def places_of(dialect: str) -> dict[str, str]:
    """Return the definitions of a dialect by the place of their bomb: `native`, or Orquesta's `yaql` or `jinja`."""
    places = NATIVE_PLACES if dialect == "native" else ORQUESTA_PLACES
    bomb, part = _calls(dialect, BOMB_CALLS), _calls(dialect, PART_CALLS)
    places = {
        name: text.replace("ITEMS", ITEMS.get(dialect, "")).replace("KEY", MEMORY_BOMB[dialect])
        for name, text in places.items()
    }
    bombs = {name: text.replace("BOMB", bomb).replace("PART", part) for name, text in places.items()}
    large = {
        f"{name} (memory)": text.replace("BOMB", MEMORY_BOMB[dialect])
        for name, text in places.items()
        if "BOMB" in text
    }
    return bombs | large


def _run(engine: Any, file: Path, other: Path) -> tuple[float, str, str, str]:
    began = time.process_time()
    bomb = engine.submit(str(file), {"big": BIG}).get(timeout=PATIENCE)
    beside = engine.submit(str(other)).get(timeout=PATIENCE)
    outcome = bomb.outcome.get(timeout=PATIENCE)
    seconds = time.process_time() - began
    return seconds, outcome.status, str(outcome.errors)[-2_000:], beside.outcome.get(timeout=PATIENCE).status


def main() -> None:
    """Run the bombs of the dialect in the input."""
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY, MAX_MEMORY))
    with TemporaryDirectory() as folder:
        other = Path(folder) / "other.yaml"
        other.write_text(OTHER)
        # On a busy machine, an evaluation within its budget takes longer than the guard's seconds.
        startup.EVALUATION_SECONDS = CPU_SECONDS
        engine: Any = Engine.start(expression_limits=LIMITS).proxy()
        for number, (name, text) in enumerate(places_of(sys.stdin.read()).items()):
            file = Path(folder) / f"place_{number}.yaml"
            file.write_text(text)
            sys.stdout.write(json.dumps([name, *_run(engine, file, other)]) + "\n")
            sys.stdout.flush()
        engine.stop(grace=0).get(timeout=PATIENCE)


if __name__ == "__main__":
    main()
