"""Unpacks archives: files and folders first, links last, so that nothing is ever written through a link."""

import lzma
import os
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import IO, Final, Self

from stretto.actors.packs.errors import CannotInstallPack
from stretto.actors.packs.installing.limits import Allowance

_DAMAGED: Final = (
    tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, RuntimeError, NotImplementedError,
)  # fmt: skip
ARCHIVES: Final = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".zip")
"""The ends of archives' names."""
_CHUNK_BYTES: Final = 1024 * 1024
_MAX_TARGET_BYTES: Final = 4096
_MAX_HEADER_BYTES: Final = 1024 * 1024
_LONG_HEADERS: Final = frozenset(
    {tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE}
)
"""Members that tarfile reads into memory as a whole: they describe the next one."""


def unpack(archive: Path, folder: Path, allowance: Allowance) -> None:
    """Unpack a tar or zip file into an empty folder.

    Args:
        archive: The file.
        folder: The folder.
        allowance: What the pack may take.

    Raises:
        CannotInstallPack: The archive is damaged, above a limit, or has a member that would be outside of the folder or
            is not a file, a folder or a link.
        OSError: The archive cannot be read or the folder not written.
    """
    try:
        if archive.name.endswith(".zip"):
            with zipfile.ZipFile(archive) as zipped:
                _unpack_zip(zipped, _Destination(folder, allowance))
        else:
            with tarfile.open(archive, tarinfo=_Header) as tarred:
                _unpack_tar(tarred, _Destination(folder, allowance))
    except _DAMAGED as error:
        raise CannotInstallPack(f"{archive} cannot be unpacked: {error}") from None


def unpack_stream(stream: IO[bytes], folder: Path, allowance: Allowance) -> None:
    """Unpack a tar file that a program writes. Raises as `unpack`."""
    try:
        with tarfile.open(fileobj=stream, mode="r|", tarinfo=_Header) as tarred:
            _unpack_tar(tarred, _Destination(folder, allowance))
    except tarfile.TarError as error:
        raise CannotInstallPack(f"the fetched files cannot be unpacked: {error}") from None


class _Header(tarfile.TarInfo):
    """The header of a member, whose further headers are bounded."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        header = super().frombuf(buf, encoding, errors)
        if header.type in _LONG_HEADERS and header.size > _MAX_HEADER_BYTES:
            raise CannotInstallPack(
                f"a header of the archive has {header.size:,} bytes, at most {_MAX_HEADER_BYTES:,} may be"
            )
        return header


class _Destination:
    """The folder that an archive is unpacked into, with the links that are still to be made."""

    def __init__(self, folder: Path, allowance: Allowance) -> None:
        self._folder = folder
        self._allowance = allowance
        self._links: dict[Path, str] = {}

    def add_folder(self, name: str) -> None:
        self._path(name).mkdir(parents=True, exist_ok=True)

    def add_file(self, name: str, mode: int, open_member: Callable[[], IO[bytes] | None]) -> None:
        path = self._path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        source = open_member()
        if source is None:
            raise CannotInstallPack(f"{name!r} of the archive cannot be read")
        with source, path.open("xb") as file:
            while chunk := source.read(_CHUNK_BYTES):
                self._allowance.charge_bytes(len(chunk))
                file.write(chunk)
        # As tarfile's `data` filter: only the owner may write, and no file runs as another user.
        path.chmod(0o755 if mode & 0o100 else 0o644)

    def add_link(self, name: str, target: str) -> None:
        self._links[self._path(name)] = target

    def make_links(self) -> None:
        """Make the links, none of them through another. `check_tree` checks where they lead."""
        for path, target in self._links.items():
            if through := next((each for each in path.parents if each in self._links), None):
                name, link = path.relative_to(self._folder), through.relative_to(self._folder)
                raise CannotInstallPack(f"{str(name)!r} of the archive would be written through the link {str(link)!r}")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.symlink_to(target)

    def _path(self, name: str) -> Path:
        """Return the path of a member, and charge it. Raises CannotInstallPack if it is outside of the folder."""
        self._allowance.charge_entry()
        relative = PurePosixPath(name)
        if relative.is_absolute() or ".." in relative.parts or "\0" in name:
            raise CannotInstallPack(f"{name!r} of the archive would be outside of the pack")
        path = self._folder / relative
        if path in self._links or (path.exists() and not path.is_dir()):
            raise CannotInstallPack(f"{name!r} is in the archive twice")
        return path


def _unpack_tar(archive: tarfile.TarFile, into: _Destination) -> None:
    for member in archive:
        if member.isdir():
            into.add_folder(member.name)
        elif member.isfile():
            into.add_file(member.name, member.mode, lambda member=member: archive.extractfile(member))  # type: ignore[misc]
        elif member.issym():
            into.add_link(member.name, member.linkname)
        elif member.type not in {tarfile.XGLTYPE, tarfile.XHDTYPE}:
            raise CannotInstallPack(f"{member.name!r} of the archive must be a file, a folder or a symbolic link")
    into.make_links()


def _unpack_zip(archive: zipfile.ZipFile, into: _Destination) -> None:
    for member in archive.infolist():
        mode = member.external_attr >> 16
        if member.is_dir():
            into.add_folder(member.filename)
        elif stat.S_ISLNK(mode):
            if member.file_size > _MAX_TARGET_BYTES:
                raise CannotInstallPack(f"{member.filename!r} of the archive is a link with too long a target")
            into.add_link(member.filename, os.fsdecode(archive.read(member)))
        elif stat.S_IFMT(mode) in {0, stat.S_IFREG}:
            into.add_file(member.filename, mode, lambda member=member: archive.open(member))  # type: ignore[misc]
        else:
            raise CannotInstallPack(f"{member.filename!r} of the archive must be a file, a folder or a symbolic link")
    into.make_links()


def copy_folder(source: Path, folder: Path, allowance: Allowance) -> None:
    """Copy a folder into an empty one. Links stay links, and hidden folders of version control are left out.

    Raises:
        CannotInstallPack: The folder is above a limit, or has a device, a pipe or a socket.
        OSError: A file cannot be read or written.
    """
    for parent, folders, files in os.walk(source):
        folders[:] = [name for name in folders if name not in _LEFT_OUT]
        there = folder / Path(parent).relative_to(source)
        for name in (*folders, *files):
            path, allowed = Path(parent, name), there / name
            allowance.charge_entry()
            if path.is_symlink():
                allowed.symlink_to(path.readlink())
            elif path.is_dir():
                allowed.mkdir()
            elif path.is_file():
                allowance.charge_bytes(path.stat().st_size)
                shutil.copyfile(path, allowed)
                allowed.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)
            else:
                raise CannotInstallPack(f"{path} must be a file or a folder")


_LEFT_OUT: Final = frozenset({".git", ".hg", ".svn", "__pycache__", "node_modules", ".stretto", ".venv"})
"""Folders that no pack needs: of version control, caches, and environments."""
