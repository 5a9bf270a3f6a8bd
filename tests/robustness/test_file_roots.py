"""Remote clients that name files: below the operator's folders, and nowhere else."""

import json
import os
import shutil
import signal
import socket
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from stretto.actors import Outcome
from stretto.actors.files.protected import RefusedFile
from stretto.actors.journal import Origin
from stretto.actors.operations import API, Accepted, Ended, Rerun, Run, RunAnswer, Runs, RunsAnswer, Watch
from stretto.definitions import read_workflow
from stretto.definitions.errors import UnknownWorkflow
from tests.support.daemons import Gate, Served, serving
from tests.support.engines import Bench, outcome_of
from tests.support.gateways import http, post, read_reply
from tests.support.waiting import PATIENCE

NOBODY = 65534
COPY = """
version: "1.0.0"
ref: files.copy
parameters: {source: {type: string}, target: {type: string}}
tasks:
  - name: copy
    action: core.echo
    with_items: {lines: "{{ parameters.source }}"}
    results: {jsonl: "{{ parameters.target }}"}
    input: {message: "{{ item }}"}
"""
FIXED = """
version: "1.0.0"
ref: files.fixed
tasks:
  - name: copy
    action: core.echo
    with_items: {lines: SOURCE}
    results: {jsonl: TARGET}
    input: {message: "{{ item }}"}
"""
PARENT = """
version: "1.0.0"
ref: files.parent
parameters: {source: {type: string}, target: {type: string}}
tasks:
  - name: child
    action: files.copy
    input: {source: "{{ parameters.source }}", target: "{{ parameters.target }}"}
"""
LATER = """
version: "1.0.0"
ref: files.later
parameters: {gate: {type: string}, source: {type: string}}
tasks:
  - {name: wait, action: gate.wait, input: {gate: "{{ parameters.gate }}"}, next: [{do: [read]}]}
  - name: read
    action: core.echo
    with_items: {lines: "{{ parameters.source }}"}
    input: {message: "{{ item }}"}
"""
ADMIT_EVERYONE = """
from msgspec import structs
from stretto.actors.access import local_caller
from stretto.actors.gateway.socket_users import SocketUsers

ADMIN = structs.replace(local_caller(65534, role="admin", origin="remote"), token="of a test")

def as_admin(users, connection, caller=SocketUsers.caller):
    return caller(users, connection) or ADMIN

SocketUsers.caller = as_admin
"""
"""An actions file: the daemon executes it, and then serves remote clients, as a later transport will."""


class Files:
    """A folder for remote clients, one for nobody, and an engine that knows definitions."""

    def __init__(self, folder: Path, start: Callable[..., Bench]) -> None:
        self._start = start
        self.folder = folder
        self.root = folder / "root"
        self.elsewhere = folder / "elsewhere"
        self.definitions = folder / "definitions"
        for each in (self.root, self.elsewhere, self.definitions):
            each.mkdir()
        for each in (self.root, self.elsewhere):
            (each / "items").write_text("one\ntwo\n")
        (self.definitions / "copy.yaml").write_text(COPY)
        (self.definitions / "parent.yaml").write_text(PARENT)
        (self.definitions / "fixed.yaml").write_text(self.fixed(self.elsewhere))

    def fixed(self, folder: Path) -> str:
        """Return a definition whose paths are fixed."""
        return FIXED.replace("SOURCE", f"{folder}/items").replace("TARGET", f"{folder}/results")

    def start(self, **settings: Any) -> Bench:
        """Start an engine whose remote clients have one folder."""
        self.bench = self._start(
            definitions=self.definitions, files_read=[self.root], files_write=[self.root], **settings
        )
        return self.bench

    def inputs(self, folder: Path) -> dict[str, Any]:
        """Return the inputs of the definitions with parameters."""
        return {"source": f"{folder}/items", "target": f"{folder}/results"}

    def run(self, workflow: Any, inputs: dict[str, Any] | None = None, origin: Origin = "remote") -> Outcome:
        """Run a workflow to its end."""
        return outcome_of(self.bench.proxy.submit(workflow, inputs, origin=origin).get(timeout=PATIENCE))


@pytest.fixture
def files(tmp_path: Path, start_bench: Callable[..., Bench]) -> Files:
    return Files(tmp_path, start_bench)


def check_refused(outcome: Outcome, setting: str, path: Path | str) -> None:
    """Check that a run failed because it may not use a path."""
    assert outcome.status == "failed"
    (error,) = outcome.errors
    kind = {"files.read": "unreadable_source", "files.write": "unwritable_results"}[setting]
    assert f"{path} must be below a folder of {setting}, because the run is a remote client's" in error["message"]
    assert kind in json.dumps(error)


def test_a_remote_runs_inputs_name_files_below_the_folders_only(files: Files) -> None:
    """To read and to write, each with its setting. An owner's run names any file."""
    files.start()
    assert files.run("files.copy", files.inputs(files.root)).status == "succeeded"
    assert len((files.root / "results").read_text().splitlines()) == 2
    check_refused(files.run("files.copy", files.inputs(files.elsewhere)), "files.read", files.elsewhere / "items")
    mixed = {**files.inputs(files.root), "target": str(files.elsewhere / "results")}
    check_refused(files.run("files.copy", mixed), "files.write", files.elsewhere / "results")
    assert not (files.elsewhere / "results").exists()
    assert files.run("files.copy", files.inputs(files.elsewhere), "owner").status == "succeeded"


@pytest.mark.parametrize(
    "path",
    [
        "/proc/self/environ", "/etc/shadow", "/dev/stdin", "{root}/../elsewhere/items", "{root}/out", "{root}/up/items",
        "elsewhere/items", "../../../../../../../../etc/passwd", "{root}/pipe", "{root}", "{root}/items/",
        "{root}/" + "x" * 5000, "{root}/нет", "{root}/environ",
    ],
)  # fmt: skip
def test_hostile_paths_fail_the_task_and_name_the_path(
    files: Files, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever they are, as a source and as a target; the engine serves on, and nothing is written."""
    monkeypatch.chdir(files.folder)
    (files.root / "out").symlink_to(files.elsewhere / "items")
    (files.root / "up").symlink_to("../elsewhere")
    (files.root / "environ").symlink_to("/proc/self/environ")
    os.mkfifo(files.root / "pipe")
    files.start()
    hostile = path.format(root=files.root)
    outcome = files.run("files.copy", {**files.inputs(files.root), "source": hostile})
    assert outcome.status == "failed"
    assert hostile[:200] in outcome.errors[0]["message"]
    if path != "{root}/нет":
        outcome = files.run("files.copy", {**files.inputs(files.root), "target": hostile})
        assert outcome.status == "failed"
        assert hostile[:200] in outcome.errors[0]["message"]
    assert (files.elsewhere / "items").read_text() == "one\ntwo\n"
    assert files.run("files.copy", files.inputs(files.root)).status == "succeeded"


def test_a_nul_is_no_path(files: Files) -> None:
    """In an input, where an expression error says so; the path is not cut at the NUL."""
    files.start()
    outcome = files.run("files.copy", {**files.inputs(files.root), "source": f"{files.root}/items\0"})
    assert outcome.status == "failed"
    assert "must be a file path" in outcome.errors[0]["message"]


def test_a_clients_definition_with_a_fixed_path_is_refused_at_once(files: Files) -> None:
    """Before a run exists, with the setting named. Those below the folders, and an owner's, run."""
    files.start()
    with pytest.raises(RefusedFile, match=r"elsewhere/items must be below a folder of files\.read, .*/root$"):
        files.run(read_workflow(files.fixed(files.elsewhere), "a.yaml"))
    assert files.bench.proxy.runs_in_progress().get() == 0
    assert files.run(read_workflow(files.fixed(files.root), "a.yaml")).status == "succeeded"
    assert files.run(read_workflow(files.fixed(files.elsewhere), "a.yaml"), None, "owner").status == "succeeded"


def test_a_refused_run_does_not_take_its_idempotency_key(files: Files) -> None:
    """The key is free for the corrected definition."""
    proxy = files.start().proxy
    with pytest.raises(RefusedFile):
        proxy.submit(read_workflow(files.fixed(files.elsewhere), "a.yaml"), idempotency_key="k", origin="remote").get(
            timeout=PATIENCE
        )
    fixed = read_workflow(files.fixed(files.root), "a.yaml")
    assert outcome_of(proxy.submit(fixed, idempotency_key="k", origin="remote").get(timeout=PATIENCE)).status == (
        "succeeded"
    )


def test_the_operators_fixed_paths_serve_remote_clients(files: Files) -> None:
    """Wherever they are; but no client names a definition's file."""
    files.start()
    assert files.run("files.fixed").status == "succeeded"
    for path in (str(files.definitions / "fixed.yaml"), "fixed.yaml"):
        with pytest.raises(UnknownWorkflow, match="a remote client must not name a file of this machine"):
            files.run(path)


def test_a_sub_workflow_has_its_parents_origin(files: Files) -> None:
    """A client's definition reaches no file through another workflow."""
    files.start()
    for parent in ("files.parent", read_workflow(PARENT, "mine.yaml")):
        outcome = files.run(parent, files.inputs(files.elsewhere))
        assert outcome.status == "failed"
        assert "must be below a folder of files.read" in json.dumps(outcome.errors)
        assert files.run(parent, files.inputs(files.root)).status == "succeeded"
    assert files.run("files.parent", files.inputs(files.elsewhere), "owner").status == "succeeded"


def test_no_run_uses_the_engines_own_files_by_a_fixed_path(files: Files) -> None:
    """Not an owner's, and not below a folder for clients."""
    store = files.root / "own.db"
    files.start(store=f"sqlite:///{store}")
    text = FIXED.replace("TARGET", f"{files.root}/results")
    for origin in ("owner", "remote"):
        with pytest.raises(RefusedFile, match=f"{store} must not be a file of the engine itself, got {store};"):
            files.run(read_workflow(text.replace("SOURCE", str(store)), "a.yaml"), None, origin)
    outcome = files.run("files.copy", {**files.inputs(files.root), "source": f"{store}-wal"})
    assert "must not be a file of the engine itself" in outcome.errors[0]["message"]


@pytest.mark.parametrize("stored", [False, True], ids=["memory", "store"])
@pytest.mark.parametrize(("old", "rerun"), [("owner", "remote"), ("remote", "owner"), ("remote", "remote")])
def test_a_rerun_is_the_owners_only_if_both_are(files: Files, stored: bool, old: Origin, rerun: Origin) -> None:
    """A client gets no more rights by repeating an owner's run, and a client's run gets none by an owner."""
    proxy = files.start(**({"store": f"sqlite:///{files.folder}/own.db"} if stored else {})).proxy
    handle = proxy.submit("files.copy", files.inputs(files.elsewhere), origin=old).get(timeout=PATIENCE)
    outcome_of(handle)
    again = proxy.rerun(handle.id, origin=rerun).get(timeout=PATIENCE)
    check_refused(outcome_of(again), "files.read", files.elsewhere / "items")
    if stored:
        shown = [proxy.run(each.id).get(timeout=PATIENCE)["origin"] for each in (handle, again)]
        assert shown == [old, "remote"]
        assert proxy.export(again.id).get(timeout=PATIENCE)["origin"] == "remote"


@pytest.mark.parametrize("stored", [False, True], ids=["memory", "store"])
def test_an_owners_definition_is_not_the_operators(files: Files, stored: bool) -> None:
    """A client cannot repeat a run of a definition with fixed paths that is not in the catalogue; an owner can."""
    proxy = files.start(**({"store": f"sqlite:///{files.folder}/own.db"} if stored else {})).proxy
    sent = read_workflow(files.fixed(files.elsewhere), "a.yaml")
    installed, handle = [proxy.submit(each).get(timeout=PATIENCE) for each in ("files.fixed", sent)]
    for each in (installed, handle):
        outcome_of(each)  # one of them may have failed: both write the same file
    with pytest.raises(RefusedFile, match=r"below a folder of files\.read"):
        proxy.rerun(handle.id, origin="remote").get(timeout=PATIENCE)
    for old, origin in ((handle.id, "owner"), (installed.id, "remote")):
        assert outcome_of(proxy.rerun(old, origin=origin).get(timeout=PATIENCE)).status == "succeeded"


# ---- a daemon, and a client with another user


@pytest.fixture
def shared_folder() -> Iterator[Path]:
    """A folder that all users can reach, which pytest's own are not."""
    folder = Path(tempfile.mkdtemp(prefix="stretto-", dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def open_to_all(served: Served) -> None:
    """Let every user reach the daemon's socket, as an operator might by mistake."""
    served.socket.parent.chmod(0o755)
    served.socket.chmod(0o666)


def ask_as_nobody(path: Path, request: bytes) -> dict[str, Any]:
    """Send a request from a process of another user, and return the answer."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(PATIENCE)
                connection.connect(str(path))
                connection.sendall(request)
                while chunk := connection.recv(65536):
                    os.write(writing, chunk)
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as answers:
        reply = read_reply(answers.read())
    os.waitpid(child, 0)
    told: dict[str, Any] = reply.json
    return told


def shown(served: Served, run: str) -> dict[str, Any]:
    """Return the run as the daemon shows it."""
    answer = served.client.ask(Run(run))
    assert isinstance(answer, RunAnswer)
    return answer.run


needs_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can start a process of another user")


@needs_root
def test_a_daemon_admits_no_other_user(shared_folder: Path) -> None:
    """Not even where the socket's permissions do."""
    with serving(shared_folder) as served:
        open_to_all(served)
        assert ask_as_nobody(served.socket, http("GET", f"{API}/definitions"))["code"] == "not_allowed"


@needs_root
def test_another_users_run_is_remote_and_stays_so(shared_folder: Path, gate: Gate) -> None:
    """Refused at once with a fixed path; refused after kill -9 and a recovery; in a rerun by the owner, too."""
    folder = shared_folder
    (folder / "definitions").mkdir()
    (folder / "definitions" / "later.yaml").write_text(LATER)
    (folder / "admit.py").write_text(ADMIT_EVERYONE)
    (folder / "root").mkdir()
    (folder / "secret").write_text("secret\n")
    arguments = (
        "--actions", str(folder / "admit.py"), "--store", f"sqlite:///{folder}/own.db",
        "--files-read", str(folder / "root"),
    )  # fmt: skip
    text = FIXED.replace("SOURCE", "/etc/shadow").replace("TARGET", "/etc/shadow")
    inputs = {"gate": str(gate.path), "source": str(folder / "secret")}
    with serving(folder, *arguments) as served:
        open_to_all(served)
        definition = {"file": str(folder / "definitions" / "later.yaml"), "text": text}
        refused = ask_as_nobody(served.socket, post(f"{API}/runs", {"workflow": definition}))
        assert refused["code"] == "file_refused"
        assert "/etc/shadow must be below a folder of files.read" in refused["detail"]
        submit = {"workflow": "files.later", "inputs": inputs}
        forged = ask_as_nobody(served.socket, post(f"{API}/runs", {**submit, "origin": "owner"}))
        assert forged["code"] == "bad_request"
        accepted = ask_as_nobody(served.socket, post(f"{API}/runs", submit))
        gate.arrivals(1)
        served.signal(signal.SIGKILL)
        served.ended()
        served.socket.parent.chmod(0o700)
    with serving(folder, *arguments) as served:
        gate.arrivals(1)
        gate.open()
        run = accepted["run"]
        ended = list(served.client.answers(Watch(run)))[-1]
        assert isinstance(ended, Ended)
        assert ended.status == "failed"
        assert f"{folder}/secret must be below a folder of files.read" in ended.errors[0]["message"]
        assert shown(served, run)["origin"] == "remote"
        again = served.client.ask(Rerun(run))
        assert isinstance(again, Accepted)
        gate.arrivals(1)
        gate.open()
        ended = list(served.client.answers(Watch(again.run)))[-1]
        assert isinstance(ended, Ended)
        assert ended.status == "failed"
        listed = served.client.ask(Runs())
        assert isinstance(listed, RunsAnswer)
        assert [(each["id"], each["origin"]) for each in listed.runs] == [(again.run, "remote"), (run, "remote")]
        assert served.run("test.echo", "n=1").returncode == 0
        listed = served.client.ask(Runs(limit=1))
        assert isinstance(listed, RunsAnswer)
        assert listed.runs[0]["origin"] == "owner"
