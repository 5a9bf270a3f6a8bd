"""The environments of packs: where the libraries of a pack's `requirements.txt` and `package.json` are.

An environment is next to the packs, in `.stretto/environments/KIND-DIGEST`. The digest covers the interpreter and what
the pack requires, so a change of either makes another environment, and packs that require the same share one.
"""

import hashlib
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias

from stretto.actors.actions import ActionFailed
from stretto.actors.locating import is_file, is_folder, resolved
from stretto.actors.packs.requirements import requires_modules, requires_packages
from stretto.actors.text_files import read_bytes

Kind: TypeAlias = Literal["python", "node"]

REQUIREMENTS: Final[dict[Kind, str]] = {"python": "requirements.txt", "node": "package.json"}
"""The file of a pack that an environment of each kind is made from."""
HIDDEN: Final = ".stretto"
"""The folder next to packs for environments and for what is being installed. Its name hides it from searches."""
MARKER: Final = "stretto-environment.json"
"""The file that is written last: an environment without it is not complete."""
_FORMAT: Final = "1"
_LOCKS: Final = ("package-lock.json", "npm-shrinkwrap.json")


@dataclass(frozen=True, slots=True)
class Environment:
    """An environment that a pack needs, made or not.

    Attributes:
        kind: The language.
        pack: The pack's folder, resolved.
        folder: Where the environment is, or will be.
        sources: The pack's files that describe it.
    """

    kind: Kind
    pack: Path
    folder: Path
    sources: tuple[Path, ...]

    @property
    def is_made(self) -> bool:
        """Whether the environment is complete, and for Node.js whether the pack's `node_modules` leads to it."""
        if not is_file(self.folder / MARKER):
            return False
        return self.kind == "python" or resolved(self.pack / "node_modules") == self.folder / "node_modules"

    @property
    def python(self) -> Path:
        """The interpreter of an environment for Python."""
        return self.folder / "bin" / "python"


def environments_of(pack: Path) -> tuple[Environment, ...]:
    """Return the environments that a pack's files ask for.

    Args:
        pack: The pack's folder.

    Raises:
        OSError: A file cannot be read.
    """
    pack = pack.resolve()
    found = [environment_of(pack, kind) for kind in REQUIREMENTS]
    return tuple(each for each in found if each is not None)


def environment_of(pack: Path, kind: Kind) -> Environment | None:
    """Return the environment of one kind that a pack needs, or None. Raises as `environments_of`."""
    source = pack / REQUIREMENTS[kind]
    if not is_file(source) or (kind == "node" and _brings_modules(pack)):
        return None
    text = read_bytes(source).decode("utf-8", "replace")
    if not (requires_packages if kind == "python" else requires_modules)(text):
        return None
    names = (source.name, *(_LOCKS if kind == "node" else ()))
    sources = tuple(pack / name for name in names if is_file(pack / name))
    digest = hashlib.sha256(json.dumps([_FORMAT, *_identity(kind)]).encode())
    for each in sources:
        digest.update(b"\0" + each.name.encode() + b"\0" + read_bytes(each))
    folder = pack.parent / HIDDEN / "environments" / f"{kind}-{digest.hexdigest()[:32]}"
    return Environment(kind, pack, folder, sources)


def unmade(pack: Path, kind: Kind) -> str:
    """Return why an action of a pack cannot run for lack of an environment, with the command to run, or ""."""
    try:
        environment = environment_of(pack, kind)
    except OSError as error:
        return f"{REQUIREMENTS[kind]} cannot be read: {error.strerror}"
    if environment is None or environment.is_made:
        return ""
    return f"the environment of its {REQUIREMENTS[kind]} is not made; run `stretto packs setup {pack}`"


def interpreter_of(pack: Path) -> str:
    """Return the Python interpreter that runs a pack's actions.

    Args:
        pack: The pack's folder, resolved.

    Returns:
        The interpreter of the pack's environment, or that of this process if the pack has no `requirements.txt`.

    Raises:
        ActionFailed: The pack's environment is not made. The message has the command that makes it.
    """
    try:
        environment = environment_of(pack, "python")
    except OSError as error:
        raise ActionFailed(f"{pack / REQUIREMENTS['python']} cannot be read: {error.strerror}") from None
    if environment is None:
        return sys.executable
    if not environment.is_made:
        raise ActionFailed(unmade(pack, "python"))
    return str(environment.python)


def base_interpreter() -> str:
    """Return the interpreter from which environments are made: this one, outside of its own environment."""
    return str(Path(getattr(sys, "_base_executable", None) or sys.executable).resolve())


def _identity(kind: Kind) -> tuple[str, ...]:
    return (kind, base_interpreter(), sys.version) if kind == "python" else (kind,)


def _brings_modules(pack: Path) -> bool:
    """Return whether a pack has modules of its own: a real folder, not a link to an environment."""
    modules = pack / "node_modules"
    return is_folder(modules) and not modules.is_symlink()
