"""Reading of packs in StackStorm's layout: `pack.yaml`, actions by runner type, Orquesta workflows.

    pack.yaml, config.schema.yaml --manifest--> Manifest
    actions/*.yaml --metadata--> PackCall (shell, script, python, request), PackWorkflow, or Refused
                        |
                        '-- inputs: given values and defaults, some with expressions, cast to the parameters' types

An unsupported action does not affect the others. A call of it fails with the reason and a replacement.
"""

from stretto.actors.packs.stackstorm.manifest import is_of_stackstorm, read_manifest
from stretto.actors.packs.stackstorm.metadata import read_action
from stretto.actors.packs.stackstorm.schema import as_stackstorm_loads

__all__ = ["as_stackstorm_loads", "is_of_stackstorm", "read_action", "read_manifest"]
