"""The errors of installing packs and making their environments."""

from stretto.definitions.errors import StrettoError


class CannotInstallPack(StrettoError):
    """A pack cannot be fetched, unpacked, put in its place or removed. Everything is as it was before."""

    code = "cannot_install_pack"


class CannotSetUpPack(StrettoError):
    """A pack's environment cannot be made."""

    code = "cannot_set_up_pack"
