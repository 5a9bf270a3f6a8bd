"""Programs of Stretto as processes that are forked from one that has imported all of it: hundreds of tests start some.

`ForkedProgram` is a `Popen`, and its process is a child of the test's process. A daemon takes a tenth of the CPU time
of one with an interpreter of its own. Tests of memory, and of the start itself, start those.

python -m tests.support.forked_programs FD     # forks programs as requests on this UNIX socket ask
"""

import atexit
import contextlib
import ctypes
import gc
import importlib
import inspect
import json
import os
import pkgutil
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import stretto.actors
import stretto.definitions
import stretto.metrics
from tests.support.paths import ROOT
from tests.support.waiting import PATIENCE

PROGRAM: Final = [sys.executable, "-m", "stretto.actors.cli"]
SCRIPT: Final = str(Path(sys.executable).with_name("stretto"))
"""The other way in which a command of Stretto begins."""
_LEFT_OUT: Final = ("__main__", "ray", "migrations")
"""Parts of the names of modules that are not imported: they run something, or need Ray."""
_KEPT: Final = 1 << 20
"""The bytes of a request: of a command and its environment."""
_PR_SET_CHILD_SUBREAPER: Final = 36
_PIPES: Final = ("p2cread", "p2cwrite", "c2pread", "c2pwrite", "errread", "errwrite")
_NOT_HERE: Final = {"executable", "preexec_fn", "pass_fds", "shell", "gid", "gids", "uid", "start_new_session"}
"""Arguments of `Popen` with which a program is started as usual."""


class ForkedProgram(subprocess.Popen[Any]):
    """A process. It is forked if its command is one of Stretto, and started as usual if it is another one.

    Its streams are those of `Popen`. On systems without Linux' subreapers no program is forked.
    """

    def _execute_child(self, args: Any, *more: Any) -> None:
        usual = super()._execute_child  # type: ignore[misc]
        given = inspect.signature(usual).bind(args, *more).arguments
        if not _can_be_forked(given):
            usual(args, *more)
            return
        command, environment = _words_of(args) or [], dict(given["env"] or os.environ)
        streams = (given["p2cread"], given["c2pwrite"], given["errwrite"])
        # Those of this process, unless others are given.
        passed = [own if stream == -1 else stream for own, stream in enumerate(streams)]
        self.pid = _forks.fork(command, given["cwd"] or Path.cwd(), environment, passed)
        self._child_created = True
        self._close_pipe_fds(*(given[name] for name in _PIPES))  # type: ignore[attr-defined]


def run_program(
    command: Sequence[object], *, text: str | None = None, cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:  # fmt: skip
    """Run a program of Stretto to its end.

    Args:
        command: Its command.
        text: What its standard input has. None is that of the tests.
        cwd: Its folder, if it is not that of the tests.
        environment: All of its environment, if it is not that of the tests.
    """
    given = None if text is None else subprocess.PIPE
    with ForkedProgram(
        list(map(str, command)), stdin=given, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=cwd,
        env=environment,
    ) as process:  # fmt: skip
        try:
            stdout, stderr = process.communicate(text, timeout=PATIENCE)
        except BaseException:
            process.kill()
            raise
    return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)


def _words_of(command: Sequence[Any]) -> list[str] | None:
    """Return the words of a command of Stretto, or None if it is another one."""
    words = [] if isinstance(command, str) else [os.fspath(each) for each in command]
    for beginning in (PROGRAM, [SCRIPT]):
        if words[: len(beginning)] == beginning:
            return words
    return None


def _can_be_forked(given: Mapping[str, Any]) -> bool:
    return (
        sys.platform == "linux"
        and _words_of(given["args"]) is not None
        and not any(given.get(name) for name in _NOT_HERE)
        and given.get("process_group", -1) in {-1, None}
    )


class _Forks:
    """The process that forks programs, which starts when the first one is wanted."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None

    def fork(
        self, command: Sequence[str], folder: str | Path, environment: Mapping[str, str], streams: list[int]
    ) -> int:
        """Fork a program, and return its process id. It is a child of this process."""
        request = {"command": command, "folder": str(Path(folder).absolute()), "environment": dict(environment)}
        with self._lock:
            asked = self._started()
            # The process between the program and the one that forks it ends at once. Its child is then ours.
            _be_subreaper(True)
            try:
                socket.send_fds(asked, [json.dumps(request).encode()], streams)
                return int(asked.recv(20))
            finally:
                _be_subreaper(False)

    def _started(self) -> socket.socket:
        if self._socket is None:
            self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            for each in (self._socket, theirs):
                each.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _KEPT)
            command = [sys.executable, "-m", "tests.support.forked_programs", str(theirs.fileno())]
            with theirs:
                self._process = subprocess.Popen(command, pass_fds=[theirs.fileno()], cwd=ROOT)
        return self._socket

    def close(self) -> None:
        """End the process. Programs go on."""
        if self._socket is not None and self._process is not None:
            self._socket.close()
            self._process.wait()
        self._socket = self._process = None


_forks = _Forks()
close_forks = _forks.close
"""Ends the process that forks programs. For the end of all tests."""


def _be_subreaper(yes: bool) -> None:
    """Let orphans below this process become its children, or those of the usual one."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, int(yes), 0, 0, 0)


def import_stretto() -> None:
    """Import all modules of Stretto, and what a daemon imports of other packages."""
    for package in (stretto.actors, stretto.definitions, stretto.metrics):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not any(part in module.name for part in _LEFT_OUT):
                importlib.import_module(module.name)
    import asyncinotify  # noqa: F401
    import uvicorn.lifespan.off  # noqa: F401
    from sqlalchemy import make_url

    for driver in ("sqlite", "postgresql+psycopg"):
        make_url(f"{driver}://").get_dialect().import_dbapi()


class _End:
    """The end of a program, behind all that other modules do at an end.

    To free what is shared with the process that forks would copy it, and take ten times as long as the start.
    """

    def __init__(self) -> None:
        self.code = 1

    def __call__(self) -> None:
        """Exit."""
        for each in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                each.flush()
        os._exit(self.code)


_end = _End()


def _main(number: int) -> None:
    atexit.register(_end)  # before others: the first one is called last
    import_stretto()
    gc.collect()
    gc.freeze()
    asked = socket.socket(fileno=number)
    while True:
        text, streams, _, _ = socket.recv_fds(asked, _KEPT, 3)
        if not text:
            os._exit(0)
        read, write = os.pipe()
        between = os.fork()
        if not between:
            program = os.fork()
            if program:
                os.write(write, str(program).encode())
                os._exit(0)
            asked.close()
            os.close(read)
            os.close(write)
            _run(json.loads(text), streams)
        os.waitpid(between, 0)
        for each in (write, *streams):
            os.close(each)
        asked.send(os.read(read, 20))
        os.close(read)


def _run(request: Mapping[str, Any], streams: Sequence[int]) -> None:
    """Be the program that a request asks for."""
    for target, stream in enumerate(streams):
        os.dup2(stream, target)
        os.close(stream)
    os.chdir(request["folder"])
    environment = request["environment"]
    for name in set(os.environ) - set(environment):
        del os.environ[name]
    os.environ.update(environment)
    paths = [each for each in environment.get("PYTHONPATH", "").split(os.pathsep) if each]
    sys.path[:] = [request["folder"], *paths, *(each for each in sys.path[1:] if each not in paths)]
    from stretto.actors.cli import __file__ as face
    from stretto.actors.cli import main

    sys.argv = request["command"]
    if sys.argv[: len(PROGRAM)] == PROGRAM:
        sys.argv[: len(PROGRAM)] = [face.replace("__init__", "__main__")]
        globals()["__package__"] = "stretto.actors.cli"  # of which usage messages make the program's name
    else:
        globals()["__package__"] = None
    try:
        main()
    except SystemExit as error:
        _end.code = error.code if isinstance(error.code, int) else int(error.code is not None)
        raise


if __name__ == "__main__":
    _main(int(sys.argv[1]))
