"""Packs: folders of actions in any language, as Attune's are, performed as processes under limits.

folder --read_packs--> Pack (manifest, actions, workflows) or every finding
                         |
                         '--actions_of--> Action --> registry --> a process (launch, deliver, read output)
"""

from typing import TYPE_CHECKING

from stretto.definitions.lazy_face import lazy_face

if TYPE_CHECKING:
    from stretto.actors.packs.actions import add_pack, add_packs, findings_of
    from stretto.actors.packs.folders import examine_packs, read_packs
    from stretto.actors.packs.model import Manifest, Pack, PackAction, PackCall, PackWorkflow
    from stretto.actors.packs.secrets import InvalidPackConfig, Source, Surroundings, read_surroundings
else:
    __getattr__ = lazy_face(
        __name__,
        {
            "actions": "add_pack add_packs findings_of",
            "folders": "examine_packs read_packs",
            "model": "Manifest Pack PackAction PackCall PackWorkflow",
            "secrets": "InvalidPackConfig Source Surroundings read_surroundings",
        },
    )

__all__ = [
    "InvalidPackConfig",
    "Manifest",
    "Pack",
    "PackAction",
    "PackCall",
    "PackWorkflow",
    "Source",
    "Surroundings",
    "add_pack",
    "add_packs",
    "examine_packs",
    "findings_of",
    "read_packs",
    "read_surroundings",
]
