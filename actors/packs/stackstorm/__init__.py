"""Packs laid out as StackStorm's are: `pack.yaml` with a name, actions with a runner's type, Orquesta's workflows.

    pack.yaml, config.schema.yaml --manifest--> Manifest
    actions/*.yaml --metadata--> PackCall (shell, script, python, request), PackWorkflow, or Refused
                        |
                        '-- inputs: what is given and defaults, some with expressions in them, as its parameters say

One action that cannot be had stops no other: it is refused, and who calls it is told why, and what to write instead.
"""

from stretto.actors.packs.stackstorm.manifest import is_of_stackstorm, read_manifest
from stretto.actors.packs.stackstorm.metadata import read_action

__all__ = ["is_of_stackstorm", "read_action", "read_manifest"]
