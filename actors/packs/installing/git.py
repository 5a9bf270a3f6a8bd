"""Fetches packs from git repositories, without running anything of theirs.

The repository is bare, so there is no work tree, no hook and no filter. `git archive` writes the files of one commit.
"""

import os
import re
import signal
import subprocess
from pathlib import Path
from typing import Final

from stretto.actors.packs.errors import CannotInstallPack
from stretto.actors.packs.installing.archives import unpack_stream
from stretto.actors.packs.installing.limits import Allowance

FETCH_SECONDS: Final = 600.0
"""How long one fetch may take."""
_HISTORY: Final = 4
"""How many times the limit of a pack's bytes its fetched objects may have: other versions may come with a commit."""
_URL: Final = re.compile(r"(https|ssh|file)://", re.IGNORECASE)
_OTHER_URL: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)(://|::)")
_SCP: Final = re.compile(r"([\w.-]+@)?[\w.-]+:(?!//)")
_WITH_PASSWORD: Final = re.compile(r"https://[^/]*@", re.IGNORECASE)
_REF: Final = re.compile(r"[A-Za-z0-9_][\w./+-]*\Z")
_LIMITED: Final = ("/bin/sh", "-c", 'ulimit -c 0 && ulimit -f "$1" && shift && exec "$@"', "stretto")
"""A shell that limits the size of files and then becomes git. The text is fixed, all data are its arguments."""
_SETTINGS: Final = (
    "protocol.allow=never", "protocol.https.allow=always", "protocol.ssh.allow=always", "protocol.file.allow=always",
    "core.hooksPath=/dev/null", "core.fsmonitor=false", "fetch.recurseSubmodules=false", "gc.auto=0",
    "transfer.fsckObjects=true", "uploadpack.packObjectsHook=", "core.attributesFile=/dev/null",
)  # fmt: skip


def is_git_url(source: str) -> bool:
    """Return whether a source is a URL, or HOST:PATH as ssh has it. Raises CannotInstallPack for other protocols."""
    if _URL.match(source):
        return True
    if other := _OTHER_URL.match(source):
        raise CannotInstallPack(f"the protocol of {source!r} must be https, ssh or file, and is {other[1]!r}")
    return bool(_SCP.match(source)) and not source.startswith((".", "/"))


def fetch(url: str, ref: str, folder: Path, into: Path, allowance: Allowance) -> str:
    """Fetch one commit of a repository and unpack its files.

    Args:
        url: The repository.
        ref: A branch, a tag or a commit, or "" for the default branch.
        folder: An empty folder for the repository.
        into: An empty folder for its files.
        allowance: What the pack may take.

    Returns:
        The commit.

    Raises:
        CannotInstallPack: The URL or ref is not allowed, git is missing or fails, or a limit is exceeded.
    """
    if _WITH_PASSWORD.match(url):
        raise CannotInstallPack("the URL must not have a user or a password; use a credential helper of git")
    if ref and (not _REF.match(ref) or ".." in ref):
        raise CannotInstallPack(f"--ref must be a branch, a tag or a commit, got {ref!r}")
    git = _Git(folder, allowance)
    git.run("init", "--quiet", "--bare", "--template=")
    if not git.try_run("fetch", "--quiet", "--depth=1", "--no-tags", "--", url, ref or "HEAD"):
        # Some servers give no commit by its name, so its branch has to be fetched.
        git.run("fetch", "--quiet", "--", url, "+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
        commit = git.run("rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref or 'HEAD'}^{{commit}}")
    else:
        commit = git.run("rev-parse", "--verify", "FETCH_HEAD^{commit}")
    git.unpack(commit.strip(), into)
    return commit.strip()


class _Git:
    """A bare repository in a folder."""

    def __init__(self, folder: Path, allowance: Allowance) -> None:
        self._folder = folder
        self._allowance = allowance
        settings = [part for each in _SETTINGS for part in ("-c", each)]
        blocks = str(_HISTORY * allowance.max_bytes // 512)
        self._command = [*_LIMITED, blocks, "git", "--git-dir", str(folder), *settings]

    def run(self, *arguments: str) -> str:
        """Run git, and return what it prints. Raises CannotInstallPack if it fails."""
        ended = self._ended(arguments)
        if ended.returncode != 0:
            reason = ended.stderr.strip() or f"git {arguments[0]} exited with {ended.returncode}"
            if f"signal {signal.SIGXFSZ:d}" in reason or ended.returncode == -signal.SIGXFSZ:
                reason = f"it has more than {_HISTORY * self._allowance.max_bytes:,} bytes; raise --max-bytes"
            raise CannotInstallPack(f"the repository cannot be fetched: {reason}")
        return ended.stdout

    def try_run(self, *arguments: str) -> bool:
        """Run git, and return whether it succeeds."""
        return self._ended(arguments).returncode == 0

    def unpack(self, commit: str, into: Path) -> None:
        """Unpack the files of a commit."""
        command = [*self._command, "archive", "--format=tar", commit]
        with subprocess.Popen(  # noqa: S603 - git with arguments that are checked
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=_variables()
        ) as process:
            assert process.stdout is not None  # noqa: S101 - for the type checker
            try:
                unpack_stream(process.stdout, into, self._allowance)
            except BaseException:
                process.kill()
                raise
        if process.returncode != 0:
            raise CannotInstallPack(f"the files of {commit} cannot be read: git exited with {process.returncode}")

    def _ended(self, arguments: tuple[str, ...]) -> "subprocess.CompletedProcess[str]":
        with subprocess.Popen(  # noqa: S603 - git with arguments that are checked
            [*self._command, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, errors="replace", start_new_session=True, env=_variables(),
        ) as process:  # fmt: skip
            try:
                stdout, stderr = process.communicate(timeout=FETCH_SECONDS)
            except BaseException as error:
                # git's helpers fetch, and hold its outputs: they would go on without it.
                os.killpg(process.pid, signal.SIGKILL)
                if isinstance(error, subprocess.TimeoutExpired):
                    raise CannotInstallPack(f"git took longer than {FETCH_SECONDS:g} s") from None
                raise
        return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)


def _variables() -> dict[str, str]:
    """Return this process's variables without git's own, and with none that could ask for a password."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    kept = {name: os.environ[name] for name in ("GIT_SSH_COMMAND", "GIT_SSL_CAINFO") if name in os.environ}
    return variables | kept | {"GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
