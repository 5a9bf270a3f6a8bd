"""Packs: folders of actions in any language, which run as processes under limits.

folder --read_packs--> Pack (manifest, actions, workflows), or all findings
                         |
                         '--add_packs--> Action --> registry --> a process (deliver the input, run, read the output)

pack_config, keystore --read_pack_configuration--> PackConfiguration --of_workflow--> the environment of a run
"""

from typing import TYPE_CHECKING

from stretto.definitions.lazy_face import lazy_face

if TYPE_CHECKING:
    from stretto.actors.packs.actions import add_pack, add_packs, findings_of
    from stretto.actors.packs.folders import examine_packs, read_packs
    from stretto.actors.packs.model import Pack, PackWorkflow
    from stretto.actors.packs.secrets import (
        InvalidPackConfig,
        PackConfiguration,
        Source,
        UnknownConfiguration,
        read_keystore,
        read_pack_configuration,
    )
else:
    __getattr__ = lazy_face(
        __name__,
        {
            "actions": "add_pack add_packs findings_of",
            "folders": "examine_packs read_packs",
            "model": "Pack PackWorkflow",
            "secrets": (
                "InvalidPackConfig PackConfiguration Source UnknownConfiguration read_keystore read_pack_configuration"
            ),
        },
    )

__all__ = [
    "InvalidPackConfig",
    "Pack",
    "PackConfiguration",
    "PackWorkflow",
    "Source",
    "UnknownConfiguration",
    "add_pack",
    "add_packs",
    "examine_packs",
    "findings_of",
    "read_keystore",
    "read_pack_configuration",
    "read_packs",
]
