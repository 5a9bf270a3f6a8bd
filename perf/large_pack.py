"""A pack of StackStorm's with thousands of actions, in the form of the largest one of its exchange (aws, 2.0.2)."""

from pathlib import Path
from tempfile import TemporaryDirectory

from process import Spent, finished
from report import Measured, figure
from starts import STRETTO

ACTIONS = 3_578
MOST_PARAMETERS = 9
"""Of an action, beyond the six that all of them have, so that the files are as long as those of aws."""
MANIFEST = """\
---
ref: cloud
name: cloud
description: A client's operations as actions.
version: 2.0.2
author: Stretto
email: info@example.com
python_versions: ["3"]
"""
PROGRAM = """\
from st2common.runners.base_action import Action


class Operation(Action):
    def run(self, **parameters):
        return parameters
"""
HEAD = """\
---
description: {name}
pack: cloud
enabled: true
entry_point: run.py
name: {name}
runner_type: python-script
parameters:
  account_id:
    type: string
  region:
    type: string
  action:
    default: {name}
    immutable: true
    type: string
  cls:
    default: service
    type: string
  headers:
    type: string
  module_path:
    default: boto3
    immutable: true
    type: string
"""
PARAMETER = """\
  Parameter{number}:
    type: {type}
    description: "The identifier of a resource, as the service reports it. Valid values: 'a', 'b'"
    required: {required}
"""
TYPES = ("string", "array", "integer", "object", "boolean")


def write(folder: Path, actions: int) -> None:
    """Write a pack with so many actions, which share one program."""
    (folder / "pack.yaml").write_text(MANIFEST, encoding="utf-8")
    (folder / "actions").mkdir()
    (folder / "actions" / "run.py").write_text(PROGRAM, encoding="utf-8")
    for number in range(actions):
        name = f"operation_{number:04}"
        parameters = (
            PARAMETER.format(number=each, type=TYPES[each % len(TYPES)], required=str(each < 2).lower())
            for each in range(number % (MOST_PARAMETERS + 1))
        )
        text = HEAD.format(name=name) + "".join(parameters)
        (folder / "actions" / f"{name}.yaml").write_text(text, encoding="utf-8")


def validate(actions: int) -> Spent:
    """Validate such a pack with the command.

    The actions' program derives from StackStorm's `Action`, as in aws.
    """
    with TemporaryDirectory() as folder:
        write(Path(folder), actions)
        spent, output = finished(str(STRETTO), "validate", folder)
    last = output.splitlines()[-1]
    assert last.endswith("files: all is well"), last
    return spent


def measure(share: float) -> Measured:
    """Validate a share of the pack, and scale the seconds that its actions took to all of them."""
    actions = round(ACTIONS * share)
    whole = validate(actions)
    if share < 1:
        whole = whole.scaled(validate(1), share)
    return Measured(whole.seconds, f"CPU {figure(whole.processor)} s, measured with {actions:,} actions")
