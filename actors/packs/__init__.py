"""Packs: folders of actions in any language, as Attune's are, performed as processes under limits.

folder --read_packs--> Pack (manifest, actions, workflows) or every finding
                         |
                         '--actions_of--> Action --> registry --> a process (launch, deliver, read output)
"""

from stretto.actors.packs.actions import action_of, add_packs, doubts_of
from stretto.actors.packs.folders import examine_packs, read_packs
from stretto.actors.packs.model import Manifest, Pack, PackAction, PackWorkflow
from stretto.actors.packs.secrets import InvalidPackConfig, Source, Surroundings, read_surroundings

__all__ = [
    "InvalidPackConfig",
    "Manifest",
    "Pack",
    "PackAction",
    "PackWorkflow",
    "Source",
    "Surroundings",
    "action_of",
    "add_packs",
    "doubts_of",
    "examine_packs",
    "read_packs",
    "read_surroundings",
]
