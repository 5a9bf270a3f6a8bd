"""Processes of packs run as another user: `packs.run_as`. This needs root, as the setting does."""

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stretto.actors.actions import find_user
from stretto.actors.packs import InvalidPackConfig
from stretto.actors.workers.process import WorkerCommand, WorkerProcess
from tests.support.engines import Bench
from tests.support.pack_files import write_pack

USER = "nobody"
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root starts processes of another user")
pytestmark = as_root


@pytest.fixture
def shared() -> Iterator[Path]:
    """A folder that every user can read: pytest's own are root's alone."""
    folder = Path(tempfile.mkdtemp(prefix="stretto-run-as-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def go(ref: str) -> str:
    return f"tasks: [{{name: go, action: {ref}}}]\noutput_map: {{got: '{{{{ task.go.result }}}}'}}\n"


def test_a_script_of_a_pack_runs_as_the_user_with_its_groups_and_home(
    start_bench: Callable[..., Bench], shared: Path, tmp_path: Path
) -> None:
    """It cannot read what is the daemon's alone, such as the store and its key."""
    store = tmp_path / "store.db"
    entry = pwd.getpwnam(USER)
    code = f'id -un; id -G; echo "$HOME $USER"; cat {store} 2>&1 || true\n'
    metadata = "ref: tools.who\nrunner_type: shell\nentry_point: who.sh\n"
    pack = write_pack(shared / "tools", actions__who_dot_sh=code, actions__who_dot_yaml=metadata)
    outcome = start_bench(packs=pack, run_packs_as=USER, store=f"sqlite:///{store}").run(go("tools.who"))
    assert store.exists()
    assert outcome.output is not None
    stdout = outcome.output["got"]["stdout"].splitlines()
    groups = " ".join(map(str, os.getgrouplist(USER, entry.pw_gid)))
    assert stdout[:3] == [USER, groups, f"{entry.pw_dir} {USER}"]
    assert stdout[3].endswith("Permission denied")


def test_a_command_of_a_stackstorm_pack_runs_as_the_user(start_bench: Callable[..., Bench], shared: Path) -> None:
    """`core.local` itself is no part of a pack, and runs as the daemon."""
    metadata = "name: who\nrunner_type: local-shell-cmd\nparameters: {cmd: {default: id -un, immutable: true}}\n"
    manifest = "name: tools\nversion: 1.0.0\nauthor: a\nemail: a@b.c\ndescription: d\n"
    pack = write_pack(shared / "tools", pack_dot_yaml=manifest, actions__who_dot_yaml=metadata)
    bench = start_bench(packs=pack, run_packs_as=USER)
    text = go("core.local, input: {argv: [id, -un]}")
    outputs = [bench.run(each).output for each in (go("tools.who"), text)]
    assert [each and each["got"]["stdout"].strip() for each in outputs] == [USER, pwd.getpwuid(0).pw_name]


def test_a_kept_process_of_a_pack_runs_as_the_user() -> None:
    """And is ended by the daemon all the same."""
    user = find_user(USER)
    command = WorkerCommand(("/bin/sh", "-c", "id -un; exec sleep 1000"), user=(user.uid, user.gid, user.groups))
    process = WorkerProcess(command, captures=True)
    os.set_blocking(process.outputs[0].fileno(), True)
    assert process.outputs[0].readline() == f"{USER}\n".encode()
    process.close()
    with pytest.raises(ProcessLookupError):
        os.kill(process.pid, 0)


def _reaches_python() -> bool:
    return (
        subprocess.run([sys.executable, "-c", ""], user=USER, capture_output=True, check=False, cwd="/").returncode == 0
    )


def test_python_actions_of_a_pack_run_as_the_user(start_bench: Callable[..., Bench], shared: Path) -> None:
    """In their kept processes."""
    try:
        reaches = _reaches_python()
    except PermissionError:
        reaches = False
    if not reaches:
        pytest.skip(f"{USER} cannot execute {sys.executable}")
    code = "import getpass\n\n\ndef run():\n    return getpass.getuser()\n"
    metadata = "ref: tools.who\nrunner_type: python\nentry_point: who.py:run\n"
    pack = write_pack(shared / "tools", actions__who_dot_py=code, actions__who_dot_yaml=metadata)
    assert start_bench(packs=pack, run_packs_as=USER).run(go("tools.who")).output == {"got": USER}


def test_an_unknown_user_is_refused_with_the_nearest_name(start_bench: Callable[..., Bench]) -> None:
    """Before anything starts."""
    with pytest.raises(InvalidPackConfig, match=r"packs\.run_as must be a user of this system, got 'nobdy'.*'nobody'"):
        start_bench(run_packs_as="nobdy")


def test_a_daemon_that_is_not_root_is_refused() -> None:
    """The message names the capabilities that it lacks. The check runs in a process that has given them up."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setuid(pwd.getpwnam(USER).pw_uid)
            find_user("root")
        except ValueError as error:
            os.write(writing, str(error).encode())
        finally:
            os._exit(0)
    os.close(writing)
    os.waitpid(child, 0)
    with os.fdopen(reading) as message:
        assert message.read() == (
            "packs.run_as: root needs a daemon that starts as root, or with the capabilities CAP_KILL, CAP_SETGID, "
            "CAP_SETUID; this process lacks CAP_KILL, CAP_SETGID, CAP_SETUID"
        )
