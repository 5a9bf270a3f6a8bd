"""Random Orquesta workflows with scripted results, as cases of the rehearsal protocol.

    python -m tests.support.differential.generator FIRST LAST      one case a line, for the seeds FIRST to LAST

A case is made of nothing but its seed. It ends: cycles are bounded by a counter or by the script.
"""

import json
import sys
from typing import Any

import yaml

from tests.support.differential.dice import Dice
from tests.support.differential.faults import break_definition, break_text
from tests.support.differential.flows import write_flow
from tests.support.differential.scripts import draw_context, draw_controls, draw_inputs, draw_script
from tests.support.differential.shapes import draw_shape

Case = dict[str, Any]


def generate(seed: int) -> Case:
    """Return the case of `seed`: name, workflow, inputs, context, script, controls, and the quirks that it may show."""
    dice = Dice(seed)
    flow = write_flow(dice, draw_shape(dice))
    definition = flow.definition
    case: Case = {
        "name": f"generated-{seed}",
        "workflow": "",
        "inputs": draw_inputs(dice, definition.get("input") or []),
        "context": draw_context(dice),
        "script": draw_script(dice, definition["tasks"]),
        "controls": draw_controls(dice),
        "quirks": sorted(flow.quirks),
    }
    fault = dice.weigh([(88, "none"), (10, "definition"), (2, "text")])
    if fault == "definition":
        break_definition(dice, definition)
    text = write_definition(definition)
    case["workflow"] = break_text(dice, text) if fault == "text" else text
    return {key: content for key, content in case.items() if content or key == "quirks"}


def write_definition(definition: dict[str, Any]) -> str:
    """Return `definition` as YAML, its keys in the order that they have."""
    return yaml.dump(definition, Dumper=_PlainDumper, sort_keys=False, allow_unicode=True, width=1000)


class _PlainDumper(yaml.SafeDumper):
    """Writes a value that stands twice in a definition twice: anchors hide what a case says."""

    def ignore_aliases(self, data: object) -> bool:
        return True


if __name__ == "__main__":
    first, last = int(sys.argv[1]), int(sys.argv[2])
    for seed in range(first, last + 1):
        sys.stdout.write(json.dumps(generate(seed), ensure_ascii=False) + "\n")
