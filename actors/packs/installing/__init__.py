"""Installation of packs: fetched into a hidden folder, checked, and put in their place in one step.

    folder, archive --copy, unpack--.
    git repository --fetch, archive--+--> .stretto/incoming/... --check_tree--> one pack --place--> FOLDER/REF

Nothing that is fetched is executed. A failure at any step leaves the installed packs as they were.
"""

from stretto.actors.packs.installing.install import Installed, InstallOptions, install_pack, remove_pack
from stretto.actors.packs.installing.records import Origin, origin_of

__all__ = ["InstallOptions", "Installed", "Origin", "install_pack", "origin_of", "remove_pack"]
