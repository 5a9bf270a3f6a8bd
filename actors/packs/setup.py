"""Makes the environments of packs: with uv or pip for Python, with npm for Node.js."""

import contextlib
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from stretto.actors.packs.environments import MARKER, Environment, base_interpreter
from stretto.actors.packs.errors import CannotSetUpPack
from stretto.actors.packs.installing.workplace import working_in
from stretto.actors.packs.requirements import problems_of_package, problems_of_requirements
from stretto.actors.text_files import read_text

SETUP_SECONDS: Final = 1800.0
"""How long a tool may take to install what a pack requires."""
_SHOWN_CHARACTERS: Final = 2000
_INHERITED_NO_MORE: Final = ("PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "VIRTUAL_ENV", "NODE_PATH", "NODE_OPTIONS")

Report: TypeAlias = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class SetupOptions:
    """How environments are made.

    Attributes:
        allow_build: Whether packages may be built from source, which runs their code, and come from anywhere.
        no_index: Whether nothing is fetched from an index: `find_links`, and npm's cache, have all packages.
        find_links: Folders or pages with wheels.
        index_url: The index of Python packages, or "" for the tool's own.
    """

    allow_build: bool = False
    no_index: bool = False
    find_links: tuple[str, ...] = ()
    index_url: str = ""

    def for_python(self) -> list[str]:
        """Return the options that uv and pip share."""
        return [
            *([] if self.allow_build else ["--only-binary", ":all:"]),
            *(["--no-index"] if self.no_index else []),
            *(part for each in self.find_links for part in ("--find-links", os.path.abspath(each) if os.path.isdir(each) else each)),  # noqa: PTH100, PTH112, E501 - a URL stays one
            *(["--index-url", self.index_url] if self.index_url else []),
        ]  # fmt: skip


def check_sources(environment: Environment, options: SetupOptions) -> None:
    """Check what a pack requires, before anything is installed.

    Raises:
        CannotSetUpPack: A requirement runs code while it is installed, or a file cannot be read.
    """
    if options.allow_build:
        return
    source, *locks = environment.sources
    try:
        text = read_text(source)
        if environment.kind == "python":
            problems = problems_of_requirements(text)
        else:
            problems = problems_of_package(text, read_text(locks[0]) if locks else None)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise CannotSetUpPack(f"{source} cannot be read: {reason}") from None
    if problems:
        raise CannotSetUpPack("\n  ".join([f"{source} is refused", *problems]))


def make_environment(environment: Environment, options: SetupOptions, report: Report) -> bool:
    """Make an environment, unless it is made.

    An interrupted attempt leaves an environment without its marker, which the next attempt replaces.

    Args:
        environment: The environment.
        options: How it is made.
        report: Called with a line for each step.

    Returns:
        Whether it was made now.

    Raises:
        CannotSetUpPack: A requirement is refused, a tool is missing, fails or takes too long, or the folder cannot be
            written.
    """
    check_sources(environment, options)
    try:
        with working_in(environment.pack.parent):
            if environment.is_made:
                return False
            if not (environment.folder / MARKER).exists():
                shutil.rmtree(environment.folder, ignore_errors=True)
                environment.folder.mkdir(parents=True)
                (_make_python if environment.kind == "python" else _make_node)(environment, options, report)
                facts = {"kind": environment.kind, "sources": [each.name for each in environment.sources]}
                (environment.folder / MARKER).write_text(json.dumps(facts) + "\n", encoding="utf-8")
            if environment.kind == "node":
                _link_modules(environment)
    except OSError as error:
        raise CannotSetUpPack(f"{environment.folder} cannot be made: {error.strerror or error}") from None
    return True


def remove_unused(folder: Path, used: Iterable[Environment]) -> int:
    """Remove the environments next to packs that none of them needs, and return their number.

    Args:
        folder: The folder of environments.
        used: The environments that stay.
    """
    kept = {each.folder for each in used}
    unused = [each for each in sorted(folder.glob("*-*")) if each not in kept] if folder.is_dir() else []
    for each in unused:
        shutil.rmtree(each, ignore_errors=True)
    return len(unused)


def _make_python(environment: Environment, options: SetupOptions, report: Report) -> None:
    wanted, folder = str(environment.sources[0]), str(environment.folder)
    python, uv = str(environment.python), shutil.which("uv")
    report(f"{environment.pack.name}: installing {wanted} with {'uv' if uv else 'pip'}")
    if uv is not None:
        offline = ["--offline"] if options.no_index else []
        _run([uv, "venv", "--quiet", *offline, "--allow-existing", "--python", base_interpreter(), folder], environment)
        install = [uv, "pip", "install", "--quiet", *offline, "--python", python]
    else:
        _run([base_interpreter(), "-I", "-m", "venv", folder], environment)
        install = [python, "-I", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]
    _run([*install, *options.for_python(), "--requirement", wanted], environment)


def _make_node(environment: Environment, options: SetupOptions, report: Report) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise CannotSetUpPack(f"{environment.sources[0]} needs npm, which is not on the PATH; install Node.js with npm")
    for each in environment.sources:
        shutil.copyfile(each, environment.folder / each.name)
    report(f"{environment.pack.name}: installing {environment.sources[0]} with npm")
    _run(
        [
            npm, "ci" if len(environment.sources) > 1 else "install", "--omit=dev", "--no-audit", "--no-fund",
            *([] if options.allow_build else ["--ignore-scripts"]), *(["--offline"] if options.no_index else []),
        ],
        environment,
    )  # fmt: skip
    (environment.folder / "node_modules").mkdir(exist_ok=True)


def _link_modules(environment: Environment) -> None:
    """Let the pack's `node_modules` lead to the environment: Node.js looks there for `require` and `import`."""
    link = environment.pack / "node_modules"
    fresh = environment.pack / f".node_modules.{os.getpid()}"
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(environment.folder / "node_modules")
    fresh.replace(link)


def _run(command: Sequence[str], environment: Environment) -> None:
    variables = {name: value for name, value in os.environ.items() if name not in _INHERITED_NO_MORE}
    with contextlib.ExitStack() as stack:
        # A session of its own: Ctrl-C and a timeout end the tool with all its children.
        process = stack.enter_context(
            subprocess.Popen(  # noqa: S603 - the tools' fixed command lines
                command, cwd=environment.folder, env=variables, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, text=True, errors="replace", start_new_session=True,
            )
        )  # fmt: skip
        try:
            printed, _ = process.communicate(timeout=SETUP_SECONDS)
        except subprocess.TimeoutExpired:
            _end(process)
            raise CannotSetUpPack(
                f"{environment.pack.name}: {command[0]} took longer than {SETUP_SECONDS:g} s"
            ) from None
        except BaseException:
            _end(process)
            raise
    if process.returncode != 0:
        name = Path(command[0]).name
        raise CannotSetUpPack(
            f"the environment of {environment.pack} cannot be made: {name} exited with {process.returncode}\n"
            f"{printed[-_SHOWN_CHARACTERS:].rstrip()}{_advice(printed)}"
        )


def _advice(printed: str) -> str:
    """Return what to do about a package that has no wheel, or ""."""
    signs = ("only-binary", "no wheels", "no usable wheels", "building from source", "No matching distribution")
    if not any(sign in printed for sign in signs):
        return ""
    return "\nOnly wheels are installed. --allow-build permits packages that are built, which runs their code."


def _end(process: "subprocess.Popen[str]") -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, 9)
    process.wait()
