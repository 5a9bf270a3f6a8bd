"""Installs a pack and removes it again, each in one step that readers see whole or not at all."""

import ctypes
import errno
import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from stretto.actors.locating import exists, is_file, is_folder, packs_in
from stretto.actors.packs.environments import HIDDEN, environments_of
from stretto.actors.packs.errors import CannotInstallPack
from stretto.actors.packs.folders import examine_packs
from stretto.actors.packs.installing.archives import ARCHIVES, copy_folder, unpack
from stretto.actors.packs.installing.downloads import download, is_archive_url
from stretto.actors.packs.installing.git import fetch, is_git_url
from stretto.actors.packs.installing.limits import MAX_PACK_BYTES, MAX_PACK_FILES, Allowance, check_tree
from stretto.actors.packs.installing.records import Origin, forget, origin_of, record
from stretto.actors.packs.installing.workplace import working_in
from stretto.actors.packs.model import Pack
from stretto.actors.packs.setup import remove_unused
from stretto.definitions.errors import Finding, Place

_EXCHANGE: Final = 2
_HERE: Final = -100


@dataclass(frozen=True, slots=True)
class InstallOptions:
    """How a pack is installed.

    Attributes:
        ref: The branch, tag or commit of a repository, or "" for the default branch.
        replace: Whether an installed pack of the same ref is replaced.
        max_bytes: Bytes of all its files.
        max_files: Its files and folders.
    """

    ref: str = ""
    replace: bool = False
    max_bytes: int = MAX_PACK_BYTES
    max_files: int = MAX_PACK_FILES


@dataclass(frozen=True, slots=True)
class Installed:
    """An installed pack.

    Attributes:
        ref: The pack.
        folder: Where it is.
        version: Its version.
        findings: The errors of its files, which do not keep it from being installed.
        needs_setup: Whether it needs an environment that is not made.
    """

    ref: str
    folder: Path
    version: str
    findings: tuple[Finding, ...]
    needs_setup: bool


def install_pack(source: str, packs: Path, options: InstallOptions) -> Installed:
    """Fetch a pack and put it in a folder of packs. Nothing of it is executed.

    Args:
        source: A folder, an archive (.tar.gz, .zip and the like) or its https URL, or the URL of a git repository
            (https, ssh, file).
        packs: The folder of packs. The pack's folder in it has the pack's ref as its name.
        options: How it is installed.

    Raises:
        CannotInstallPack: The source cannot be fetched, is above a limit, has files that are not allowed or no pack, or
            the pack is installed already. The installed packs are as they were.
    """
    packs = packs.resolve()
    if is_file(packs / "pack.yaml"):
        raise CannotInstallPack(f"{packs} is a pack; name the folder that holds it with --into")
    try:
        with working_in(packs) as place:
            files = place / "files"
            files.mkdir()
            commit = _fetch(source, options, files, place)
            root = _root(files, source)
            check_tree(root)
            pack, findings = _read(root)
            folder = packs / pack.manifest.ref
            _check_place(folder, options)
            findings = _found_in(findings, pack.manifest.folder, folder)
            _place(pack.manifest.folder, folder, place)
            record(folder, Origin(source if is_git_url(source) else str(Path(source).resolve()), options.ref, commit))
    except OSError as error:
        raise CannotInstallPack(f"{source} cannot be installed: {error.strerror or error}: {error.filename}") from None
    needs_setup = any(not each.is_made for each in environments_of(folder))
    return Installed(pack.manifest.ref, folder, pack.manifest.version, findings, needs_setup)


def remove_pack(ref: str, packs: Path) -> None:
    """Remove an installed pack, and the environments that no other pack needs.

    Args:
        ref: The pack.
        packs: The folder of packs.

    Raises:
        CannotInstallPack: There is no such pack, it was not installed by `install_pack`, or it cannot be removed.
    """
    folder = packs.resolve() / ref
    if "/" in ref or ref in {"", ".", ".."} or not is_file(folder / "pack.yaml"):
        raise CannotInstallPack(f"there is no pack {ref!r} in {packs}")
    _check_installed(folder)
    try:
        with working_in(packs) as place:
            folder.rename(place / "removed")
            forget(folder)
            _remove_unused(packs.resolve())
    except OSError as error:
        raise CannotInstallPack(f"{folder} cannot be removed: {error.strerror or error}") from None


def _remove_unused(packs: Path) -> None:
    """Remove environments that no pack needs: none, if what one of the packs needs cannot be read."""
    try:
        needed = [environment for each in packs_in(packs) for environment in environments_of(each)]
    except OSError:
        return
    remove_unused(packs / HIDDEN / "environments", needed)


def _fetch(source: str, options: InstallOptions, files: Path, place: Path) -> str:
    """Fetch a source's files, and return the commit of a repository."""
    allowance = Allowance(options.max_bytes, options.max_files)
    if is_archive_url(source):
        if options.ref:
            raise CannotInstallPack("--ref is for git repositories")
        unpack(download(source, place, options.max_bytes), files, allowance)
        return ""
    if is_git_url(source):
        return fetch(source, options.ref, place / "repository", files, allowance)
    path = Path(source)
    if is_folder(path) and options.ref:
        return fetch(path.resolve().as_uri(), options.ref, place / "repository", files, allowance)
    if options.ref:
        raise CannotInstallPack("--ref is for git repositories")
    if is_folder(path):
        copy_folder(path, files, allowance)
    elif is_file(path) and path.name.endswith(ARCHIVES):
        unpack(path, files, allowance)
    elif exists(path):
        raise CannotInstallPack(f"{source} must be a folder or an archive ({', '.join(ARCHIVES)})")
    else:
        raise CannotInstallPack(f"there is no file or folder {source!r}; URLs begin with https://, ssh:// or file://")
    return ""


def _root(files: Path, source: str) -> Path:
    """Return the pack's folder: the whole, or the one folder that an archive has at its top."""
    if is_file(files / "pack.yaml"):
        return files
    inside = [each for each in files.iterdir() if is_file(each / "pack.yaml") and not each.is_symlink()]
    if len(inside) == 1:
        return inside[0]
    found = f"has {len(inside)} packs; install one at a time" if inside else "has no pack.yaml"
    raise CannotInstallPack(f"{source} {found}")


def _found_in(findings: Iterable[Finding], root: Path, folder: Path) -> tuple[Finding, ...]:
    """Return findings in the files of a folder, each with its file's path below another one."""

    def moved(place: Place) -> Place:
        path = Path(place.file)
        return replace(place, file=str(folder / path.relative_to(root))) if path.is_relative_to(root) else place

    return tuple(replace(each, place=moved(each.place)) for each in findings)


def _read(root: Path) -> tuple[Pack, tuple[Finding, ...]]:
    packs, errors = examine_packs([root])
    if not packs:
        named = map(str, _found_in(errors, root, Path()))
        raise CannotInstallPack("\n  ".join(["its pack.yaml cannot be used", *named]))
    return packs[0], tuple(errors)


def _check_place(folder: Path, options: InstallOptions) -> None:
    if not exists(folder):
        return
    if not options.replace:
        raise CannotInstallPack(f"{folder} exists; replace it with --replace")
    _check_installed(folder)


def _check_installed(folder: Path) -> None:
    if origin_of(folder) is None:
        raise CannotInstallPack(f"{folder} was not installed by `stretto packs install`; remove it yourself")


def _place(fresh: Path, folder: Path, place: Path) -> None:
    """Put a fetched pack in its place, at once also if there is one."""
    fresh.chmod(0o755)
    if not folder.exists():
        fresh.rename(folder)
        return
    if _exchange(fresh, folder):
        return
    folder.rename(place / "replaced")
    fresh.rename(folder)


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two folders in one step, and return whether the system can do that."""
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if rename is None:
        return False
    if rename(_HERE, os.fsencode(one), _HERE, os.fsencode(other), _EXCHANGE) == 0:
        return True
    if ctypes.get_errno() in {errno.ENOSYS, errno.EINVAL}:
        return False
    number = ctypes.get_errno()
    raise OSError(number, os.strerror(number), str(other))
