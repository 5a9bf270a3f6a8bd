"""The reach of processes of packs, from the settings of the engine."""

import os
from os import PathLike
from pathlib import Path

from stretto.actors.actions import ActionInquiries, PackAccess, PackKeys, ProcessUser, find_user
from stretto.actors.locating import is_folder
from stretto.actors.packs import InvalidPackConfig


def access_for_packs(
    keys: PackKeys,
    artifacts: str | PathLike[str] | None,
    run_as: str | None,
    max_process_bytes: int,
    inquiries: ActionInquiries | None = None,
) -> PackAccess:
    """Return what processes of packs can reach.

    Args:
        keys: The keys of all packs.
        artifacts: The folder of files that actions leave for others.
        run_as: The name of the user as whom the processes run.
        max_process_bytes: The most memory that a process may take.
        inquiries: The inquiries that actions make.

    Raises:
        InvalidPackConfig: The folder cannot be written to, or the user cannot be used.
    """
    return PackAccess(keys, _folder_of(artifacts), _user_of(run_as), max_process_bytes, inquiries)


def _folder_of(artifacts: str | PathLike[str] | None) -> str | None:
    """Return the absolute path of the folder of artifacts, or None."""
    if artifacts is None:
        return None
    folder = Path(artifacts).resolve()
    if not (is_folder(folder) and os.access(folder, os.W_OK)):
        raise InvalidPackConfig([f"artifacts must be a folder that this process can write to, got {str(artifacts)!r}"])
    return str(folder)


def _user_of(name: str | None) -> ProcessUser | None:
    """Return the user as whom processes of packs run, or None for this process's own."""
    if name is None:
        return None
    try:
        return find_user(name)
    except ValueError as error:
        raise InvalidPackConfig([str(error)]) from None
