"""Makes the store of this folder with an old version's code, and reports it; the test recovers it with `recover`.

The README beside it tells the commands.
"""

import json
import os
import shutil
import signal
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
MADE_AT = 1_735_689_600.0
"""Seconds since the epoch, the clock of the process that makes the store: before any machine that runs the test."""
KEYSTORE = {"registry": "registry-secret-1"}
TOKENS = ("token-secret-2", "token-secret-3")
PATIENCE = 30.0
ENDED = ["succeeded", "failed", "cancelled", "secret_ended", "partial", "rerun_ended"]


def started(store: Path, definitions: Path = HERE / "definitions") -> Any:
    """Return an engine's proxy on a store."""
    from stretto.actors import Engine

    return Engine.start(
        definitions=definitions, actions=HERE / "actions.py", store=f"sqlite:///{store}",
        store_key=store.parent / "store.key", keystore=KEYSTORE,
    ).proxy()  # fmt: skip


def wait_until(true: Callable[[], bool]) -> None:
    """Poll until something is true."""
    deadline = time.monotonic() + PATIENCE
    while not true():
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(0.01)


# ---- the process that is killed


class Making:
    """Submits runs, and waits until they are where they are to be left."""

    def __init__(self, engine: Any) -> None:
        self.engine = engine
        self.runs: dict[str, str] = {}

    def submit(self, name: str, workflow: str, inputs: dict[str, Any] | None = None, **more: Any) -> None:
        """Start a run."""
        self.runs[name] = self.engine.submit(workflow, inputs, **more).get(timeout=PATIENCE).id

    def rerun(self, name: str, of: str) -> None:
        """Rerun the failed items of a run."""
        self.runs[name] = self.engine.rerun(self.runs[of], "failed_items").get(timeout=PATIENCE).id

    def wait_for_end(self, *names: str) -> None:
        """Wait until runs have ended."""
        for name in names:
            self.engine.handle(self.runs[name]).get(timeout=PATIENCE).outcome.get(timeout=PATIENCE)

    def wait_for(self, name: str, task: str, running: int, **counts: int) -> None:
        """Wait until so many items of a task are in progress."""
        wanted = {"running": running, **counts}.items()
        wait_until(lambda: self._status(name)["tasks"][task]["items"].items() >= wanted)

    def _status(self, name: str) -> Any:
        return self.engine.status(self.runs[name]).get(timeout=PATIENCE)

    def make_ended(self) -> None:
        """Make the runs that end."""
        self.submit("succeeded", "old.succeeds", {"names": ["Ada", "Grace", "Edsger"]}, idempotency_key="once")
        self.submit("failed", "old.fails")
        self.submit("partial", "old.partial", {"name": "partial", "making": "fails_once"})
        self.submit("partial_again", "old.partial", {"name": "again", "making": "fails_then_hangs"})
        self.submit("secret_ended", "old.secret", {"token": TOKENS[0], "making": "succeeds"})
        self.submit("cancelled", "old.cancelled")
        self.wait_for("cancelled", "stuck", 1)
        self.engine.cancel(self.runs["cancelled"]).get(timeout=PATIENCE)
        self.wait_for_end("partial", "partial_again")
        self.rerun("rerun_ended", "partial")
        self.wait_for_end(*ENDED)

    def make_unfinished(self) -> None:
        """Make the runs that are left in the middle."""
        self.rerun("rerun", "partial_again")
        self.wait_for("rerun", "fan", 2, succeeded=4)
        self.submit("fan_out", "old.fan_out")
        self.wait_for("fan_out", "fan", 4, succeeded=8)
        self.submit("paused", "old.paused")
        self.wait_for("paused", "fan", 1, succeeded=2)
        self.engine.pause(self.runs["paused"]).get(timeout=PATIENCE)
        self.submit("secret", "old.secret", {"token": TOKENS[1], "making": "hangs"})
        self.wait_for("secret", "again", 1)
        self.submit("at_most_once", "old.at_most_once")
        self.wait_for("at_most_once", "fan", 2, succeeded=1)
        self.submit("deadline", "old.deadline")
        self.wait_for("deadline", "slow", 1)
        self.submit("orquesta", "orquesta")
        self.wait_for("orquesta", "greet", 1, succeeded=1)
        self.submit("files", "old.files")
        self.wait_for("files", "fan", 3, succeeded=19, failed=1)
        self.submit("waits", "old.waits")
        self.wait_for("waits", "flaky", 0, succeeded=2)
        self._control()
        self.submit("parent", "old.parent")
        self.wait_for("parent", "children", 2, succeeded=1)

    def _control(self) -> None:
        self.submit("controlled", "old.controlled")
        self.wait_for("controlled", "fan", 1, succeeded=2)
        self.engine.retry_item(self.runs["controlled"], "fan", 0).get(timeout=PATIENCE)
        self.wait_for("controlled", "fan", 2, succeeded=3)
        self.engine.skip_item(self.runs["controlled"], "fan", 3).get(timeout=PATIENCE)
        self.engine.skip_item(self.runs["controlled"], "fan", 9).get(timeout=PATIENCE)
        self.engine.set_concurrency(self.runs["controlled"], "fan", 3).get(timeout=PATIENCE)
        self.wait_for("controlled", "fan", 3)


def make() -> None:
    """Make all runs, then die in the middle of those that have not ended."""
    real, real_ns, began = time.time, time.time_ns, time.time()
    time.time = lambda: MADE_AT + real() - began
    time.time_ns = lambda: int(MADE_AT * 1e9) + real_ns() - int(began * 1e9)
    os.environ["STRETTO_TEST_MAKING"] = "yes"
    os.chdir(HERE)
    making = Making(started(HERE / "store.db"))
    making.make_ended()
    making.make_unfinished()
    (HERE / "runs.json").write_text(json.dumps(making.runs, indent=2) + "\n")
    time.sleep(0.5)  # the last commits
    os.kill(os.getpid(), signal.SIGKILL)


# ---- what there is to say of the store


def reports(store: Path, runs: dict[str, str]) -> dict[str, Any]:
    """Return what `stretto runs show`, `items` and `export` print of the ended runs."""
    from click.testing import CliRunner

    from stretto.actors.cli import main

    source = ["--store", f"sqlite:///{store}", "--store-key", str(store.parent / "store.key"), "--json"]

    def printed(*arguments: str) -> list[Any]:
        result = CliRunner().invoke(main, [*arguments, *source])
        assert result.exit_code == 0, result.output
        if arguments[1] == "export":
            return [json.loads(line) for line in result.stdout.splitlines()]
        return [json.loads(result.stdout)]

    found: dict[str, Any] = {}
    for name in [*ENDED, "partial_again"]:
        found[name] = {
            "show": printed("runs", "show", runs[name], "--items", "all"),
            "items": printed("runs", "items", runs[name]),
            "export": printed("runs", "export", runs[name]),
        }
    return found


def recover(store: Path, runs: dict[str, str], ledger: Path) -> dict[str, Any]:
    """Recover the unfinished runs; return how each ends, and what the action was called with."""
    engine = started(store)
    try:
        paused = engine.status(runs["paused"]).get(timeout=PATIENCE)
        engine.resume(runs["paused"]).get(timeout=PATIENCE)
        found: dict[str, Any] = {"paused before": paused["tasks"], "runs": {}}
        for name, run_id in runs.items():
            outcome = engine.handle(run_id).get(timeout=PATIENCE).outcome.get(timeout=PATIENCE)
            found["runs"][name] = {
                "status": outcome.status,
                "output": json.loads(json.dumps(outcome.output)),
                "errors": [
                    [each["code"], each["task"], each["item_index"], each["attempt"]] for each in outcome.errors
                ],
                "tasks": engine.status(run_id).get(timeout=PATIENCE)["tasks"],
            }
        same = engine.submit("old.succeeds", {"names": ["Ada", "Grace", "Edsger"]}, idempotency_key="once")
        found["same run"] = same.get(timeout=PATIENCE).id == runs["succeeded"]
    finally:
        engine.stop(grace=0).get(timeout=PATIENCE)
    found["performed"] = sorted(json.loads(line) for line in ledger.read_text().splitlines())
    found["results"] = sorted(Path("results.jsonl").read_text().splitlines())
    return found


def copied(folder: Path) -> Path:
    """Copy what an engine needs beside its store into a folder; return the store's path."""
    for name in ("store.db", "store.key", "items.txt", "results.jsonl"):
        shutil.copy(HERE / name, folder / name)
    (folder / "store.key").chmod(0o600)
    return folder / "store.db"


def checkpoint() -> None:
    """Move what stands in the write-ahead log into the store's file."""
    connection = sqlite3.connect(HERE / "store.db")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.execute("VACUUM")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


def expect() -> None:
    """Write what the old code says of the store, and how it recovers a copy."""
    checkpoint()
    runs = json.loads((HERE / "runs.json").read_text())
    with tempfile.TemporaryDirectory() as folder:
        store = copied(Path(folder))
        (HERE / "reports.json").write_text(_text(reports(store, runs)))
    with tempfile.TemporaryDirectory() as folder:
        store = copied(Path(folder))
        os.chdir(folder)
        os.environ["STRETTO_TEST_LEDGER"] = f"{folder}/ledger"
        (HERE / "recovered.json").write_text(_text(recover(store, runs, Path("ledger"))))


def _text(value: Any) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


if __name__ == "__main__":
    {"make": make, "expect": expect}[sys.argv[1]]()
