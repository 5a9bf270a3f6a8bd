"""Packs: folders of actions in any language, which run as processes under limits.

folder --read_packs--> Pack (manifest, actions, workflows), or all findings
                         |
                         '--add_packs--> Action --> registry --> a process (deliver the input, run, read the output)

install_pack, make_environment: what `stretto packs` does. Only make_environment runs anything.

pack_config, keystore --read_pack_configuration--> PackConfiguration --of_workflow--> the environment of a run
"""

from typing import TYPE_CHECKING

from stretto.definitions.lazy_face import lazy_face

if TYPE_CHECKING:
    from stretto.actors.packs.actions import add_pack, add_packs, findings_of, refuse_unmade
    from stretto.actors.packs.environments import HIDDEN, Environment, environments_of, interpreter_of
    from stretto.actors.packs.errors import CannotInstallPack, CannotSetUpPack
    from stretto.actors.packs.folders import MAX_PACK_ACTIONS, examine_packs, read_packs
    from stretto.actors.packs.inquiry_api import InvalidInquiry, question_of
    from stretto.actors.packs.installing.install import Installed, InstallOptions, install_pack, remove_pack
    from stretto.actors.packs.installing.limits import MAX_PACK_BYTES, MAX_PACK_FILES
    from stretto.actors.packs.installing.records import Origin, origin_of
    from stretto.actors.packs.model import Pack, PackWorkflow
    from stretto.actors.packs.secrets import (
        InvalidPackConfig,
        PackConfiguration,
        Source,
        UnknownConfiguration,
        read_keystore,
        read_pack_configuration,
    )
    from stretto.actors.packs.sensors import PackSensor
    from stretto.actors.packs.setup import SetupOptions, make_environment, remove_unused
else:
    __getattr__ = lazy_face(
        __name__,
        {
            "actions": "add_pack add_packs findings_of refuse_unmade",
            "environments": "HIDDEN Environment environments_of interpreter_of",
            "errors": "CannotInstallPack CannotSetUpPack",
            "folders": "MAX_PACK_ACTIONS examine_packs read_packs",
            "inquiry_api": "InvalidInquiry question_of",
            "installing.install": "Installed InstallOptions install_pack remove_pack",
            "installing.limits": "MAX_PACK_BYTES MAX_PACK_FILES",
            "installing.records": "Origin origin_of",
            "model": "Pack PackWorkflow",
            "secrets": (
                "InvalidPackConfig PackConfiguration Source UnknownConfiguration read_keystore read_pack_configuration"
            ),
            "sensors": "PackSensor",
            "setup": "SetupOptions make_environment remove_unused",
        },
    )

__all__ = [
    "HIDDEN",
    "MAX_PACK_ACTIONS",
    "MAX_PACK_BYTES",
    "MAX_PACK_FILES",
    "CannotInstallPack",
    "CannotSetUpPack",
    "Environment",
    "InstallOptions",
    "Installed",
    "InvalidInquiry",
    "InvalidPackConfig",
    "Origin",
    "Pack",
    "PackConfiguration",
    "PackSensor",
    "PackWorkflow",
    "SetupOptions",
    "Source",
    "UnknownConfiguration",
    "add_pack",
    "add_packs",
    "environments_of",
    "examine_packs",
    "findings_of",
    "install_pack",
    "interpreter_of",
    "make_environment",
    "origin_of",
    "question_of",
    "read_keystore",
    "read_pack_configuration",
    "read_packs",
    "refuse_unmade",
    "remove_pack",
    "remove_unused",
]
