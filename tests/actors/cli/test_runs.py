"""`stretto runs` on a store in a file: what is printed, and how the command ends."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from stretto.actors.cli import main
from stretto.actors.gateway import socket_file
from stretto.actors.journal.access import AuditQuery
from stretto.actors.journal.encryption import new_key, read_key_file
from stretto.actors.journal.opening import open_store
from stretto.actors.journal.records import Suspicion, Suspicions
from stretto.actors.journal.sql.store import Store
from stretto.definitions.conductor import ItemCompleted
from tests.support.conducted import Conducted

ITEMS = """
ref: tests.items
parameters: {hosts: {type: array}, password: {secret: true, default: null}}
tasks:
  - name: probe
    action: core.noop
    with_items: "{{ parameters.hosts }}"
    concurrency: 10
output_map: {answers: "{{ task.probe.result }}"}
"""
TIMED = "ref: tests.timed\ntimeout: 60\ntasks: [{name: only, action: core.noop}]\n"
ONE = "ref: tests.one\ntasks: [{name: only, action: core.noop}]\n"


class Kept:
    """A store's file with its key beside it, and runs in it; `stretto` asks of it."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "store.db"
        self.url = f"sqlite:///{self.path}"
        self.key = folder / "store.db.key"
        self.key.write_text(new_key())
        self.key.chmod(0o600)
        with self.opened() as store:
            self.failed = Conducted(store, ITEMS, {"hosts": ["a", "b", "c"], "password": "hunter2"})
            self.failed.succeed("probe", 0, {"up": True})
            self.failed.fail("probe", 2, "no\nanswer with \x1b[31mhunter2", {"code": 7})
            self.failed.on(ItemCompleted("probe", 1, 1, 1, "succeeded", None, None, 1003.0, 1002.5, 0.25))
            self.succeeded = Conducted(store, ONE)
            self.succeeded.succeed("only", result=1)
            self.running = Conducted(store, ITEMS, {"hosts": ["a", "b"]})
            self.running.succeed("probe", 1)

    def opened(self) -> Store:
        """Open the store as its owner."""
        return open_store(self.url, read_key_file(self.key))

    def runs(self, *arguments: str) -> Result:
        """Run `stretto runs ... --store URL`."""
        return CliRunner().invoke(main, ["runs", *arguments, "--store", self.url])

    def told(self, *arguments: str) -> Any:
        """Run it with --json, and return what it prints."""
        result = self.runs(*arguments, "--json")
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    def status(self, run: Conducted) -> str:
        """Return a run's status."""
        status: str = self.told("show", run.id)["status"]
        return status


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    """Return a store with three runs: one failed, one succeeded, one goes on."""
    return Kept(tmp_path)


# ---- lists


def test_the_variable_of_the_daemon_must_be_a_url() -> None:
    """The error names the variable, because nobody has typed the value here. An empty one counts as unset."""
    done = CliRunner().invoke(main, ["runs", "list"], env={"STRETTO_DAEMON": "ftp://host"})
    assert done.exit_code == 2
    assert "$STRETTO_DAEMON must be unix:///PATH or http://HOST:PORT, got 'ftp://host'" in done.stderr
    empty = CliRunner().invoke(main, ["runs", "list"], env={"STRETTO_DAEMON": "", "STRETTO_STORE": "nowhere"})
    assert "cannot open the store 'nowhere'" in empty.stderr


def test_runs_are_listed(kept: Kept) -> None:
    """The newest first, in columns; with a time zone's offset."""
    result = kept.runs("list", "--utc")
    lines = [line.split() for line in result.stdout.splitlines()]
    assert lines[0] == ["RUN", "WORKFLOW", "STATUS", "ACCEPTED", "TOOK"]
    assert [line[:3] for line in lines[1:]] == [
        [kept.running.id[-8:], "tests.items", "interrupted"],
        [kept.succeeded.id[-8:], "tests.one", "succeeded"],
        [kept.failed.id[-8:], "tests.items", "failed"],
    ]
    assert lines[2][3:] == ["1970-01-01", "00:16:40Z", "1.00", "s"]
    assert (result.exit_code, result.stderr) == (0, "")


def test_runs_are_listed_by_several_statuses_until_a_time_and_by_parent(kept: Kept) -> None:
    """A status may be given more than once."""
    listed = kept.told("list", "--status", "failed", "--status", "succeeded")["runs"]
    assert [run["id"] for run in listed] == [kept.succeeded.id, kept.failed.id]
    assert kept.told("list", "--until", "1970-01-01T00:00:00Z")["runs"] == []
    assert len(kept.told("list", "--until", "1d")["runs"]) == 3
    assert kept.told("list", "--parent", kept.failed.id[-8:])["runs"] == []


def test_long_lists_are_paged(kept: Kept) -> None:
    """The cursor of what follows is told on standard error, and as JSON; what was not asked for is not there."""
    page = kept.told("list", "--limit", "2")
    assert [run["id"] for run in page["runs"]] == [kept.running.id, kept.succeeded.id]
    rest = kept.told("list", "--limit", "2", "--cursor", page["next"])
    assert ([run["id"] for run in rest["runs"]], rest["next"]) == ([kept.failed.id], None)
    assert f"--cursor {page['next']}" in kept.runs("list", "--limit", "2").stderr
    assert [run["id"] for run in kept.told("list", "--status", "failed")["runs"]] == [kept.failed.id]
    assert kept.told("list", "--workflow", "tests.none")["runs"] == []
    assert kept.runs("list", "--workflow", "tests.none").stderr == "no runs\n"


def test_items_are_listed(kept: Kept) -> None:
    """Each attempt on a line, an error's text on that line whatever it holds, and no secret."""
    result = kept.runs("items", kept.failed.id, "--utc")
    lines = result.stdout.splitlines()
    assert lines[0].split() == ["TASK", "VISIT", "ITEM", "ATTEMPT", "OUTCOME", "AT", "TOOK", "ERROR"]
    assert len(lines) == 4
    assert "no answer with ?[31m******" in lines[2]
    assert [line[lines[0].index("TOOK") :][:6].strip() for line in lines[1:]] == ["-", "-", "0.25 s"]
    assert result.stderr == "", "a dash in a run of this version is an action that never began"
    times = [(item["began_at"], item["seconds"]) for item in kept.told("items", kept.failed.id)["items"]]
    assert times == [(None, None), (None, None), ("1970-01-01T00:16:42.500000Z", 0.25)]
    told = kept.told("items", kept.failed.id, "--outcome", "failed", "--task", "probe")
    assert [item["index"] for item in told["items"]] == [2]


def test_an_item_is_shown(kept: Kept) -> None:
    """With its result, or its error."""
    assert kept.told("items", kept.failed.id, "--task", "probe", "--index", "0")["result"] == {"up": True}
    shown = kept.runs("items", kept.failed.id, "--task", "probe", "--index", "2")
    assert "outcome  failed" in shown.stdout
    assert '"code": 7' in shown.stdout
    assert "hunter2" not in shown.output
    assert "took     -" in shown.stdout
    shown = kept.runs("items", kept.failed.id, "--task", "probe", "--index", "1", "--utc")
    assert "began    1970-01-01 00:16:42Z" in shown.stdout
    assert "took     0.25 s" in shown.stdout
    assert kept.runs("items", kept.failed.id, "--index", "2").exit_code == 2
    assert kept.runs("items", kept.running.id, "--task", "probe", "--index", "0").exit_code == 2


# ---- one run


def test_a_run_is_shown(kept: Kept) -> None:
    """What was given, what came of it, and its tasks; with its failed items, if they are wanted."""
    result = kept.runs("show", kept.failed.id, "--items", "failed", "--utc")
    assert "status    failed" in result.stdout
    assert 'inputs    {"hosts":["a","b","c"],"password":"******"}' in result.stdout
    assert "error     w.yaml:" in result.stdout
    assert "no answer with ?[31m******" in result.stdout
    assert "hunter2" not in result.output
    told = kept.told("show", kept.failed.id, "--items", "failed")
    assert [item["index"] for item in told["items"]] == [2]
    assert told["tasks"][0]["failed"] == 1
    assert len(kept.told("show", kept.failed.id, "--items", "all")["items"]) == 3
    assert "items" not in kept.told("show", kept.failed.id)


def test_a_run_in_progress_is_shown_with_what_it_waits_for(kept: Kept) -> None:
    """`why` tells it in words, and as data; `show` has the present counts of its items."""
    shown = kept.runs("show", kept.running.id).stdout
    assert "status    interrupted" in shown
    assert [line.split()[-3:] for line in shown.splitlines()[-2:]] == [
        ["ITEMS", "SUCCEEDED", "FAILED"],
        ["2", "1", "0"],
    ]
    (task,) = kept.told("show", kept.running.id)["tasks"]
    assert (task["items"], task["succeeded"], task["failed"], task["ended_at"]) == (2, 1, 0, None)
    assert kept.runs("why", kept.running.id).stdout.startswith("item 0 of 'probe' is in flight since")
    assert [each["kind"] for each in kept.told("why", kept.running.id, "probe")] == ["item_in_flight"]


def test_why_of_an_ended_run_says_how_and_where_it_failed(kept: Kept) -> None:
    """In a few lines, and as data."""
    end, error = kept.runs("why", kept.failed.id).stdout.splitlines()
    assert end.startswith("the run failed at ")
    assert error.endswith("1 of 3 items: no answer with ?[31m****** (item 2) [action_failed]")
    assert [each["kind"] for each in kept.told("why", kept.failed.id)] == ["ended", "error"]
    assert kept.runs("why", kept.succeeded.id).stdout.startswith("the run succeeded at ")


def test_a_run_is_exported(kept: Kept) -> None:
    """As one object, and line by line; the same either way, and no secret in it."""
    result = kept.runs("export", kept.failed.id)
    whole = json.loads(result.stdout)
    head, *entries = [json.loads(line) for line in kept.runs("export", kept.failed.id, "--json").stdout.splitlines()]
    assert {**head, "entries": entries} == whole
    assert whole["definition"]["ref"] == "tests.items"
    assert [each["type"] for each in entries] == ["secrets_learned", *["item_completed"] * 3]
    assert "hunter2" not in result.stdout
    assert json.loads(kept.runs("export", kept.running.id).stdout)["status"] == "running"


def test_an_ended_run_is_watched_to_its_end(kept: Kept) -> None:
    """The command ends as the run did; one in progress needs its daemon."""
    result = kept.runs("watch", kept.succeeded.id)
    assert (result.exit_code, f"run {kept.succeeded.id} of tests.one: succeeded" in result.stderr) == (0, True)
    result = kept.runs("watch", kept.failed.id, "--json")
    outcome = json.loads(result.stdout)
    assert (result.exit_code, outcome["type"], outcome["status"]) == (1, "outcome", "failed")
    assert outcome["tasks"]["probe"]["items"]["failed"] == 1
    result = kept.runs("watch", kept.running.id)
    assert (result.exit_code, "use --daemon URL" in result.stderr) == (2, True)


def test_what_an_item_writes_only_a_daemon_knows(kept: Kept) -> None:
    """That is told with the option that leads to it."""
    result = kept.runs("output", kept.running.id, "probe", "0")
    assert (result.exit_code, "--daemon URL" in result.stderr) == (2, True)


# ---- control


def test_a_run_is_controlled_without_a_daemon(kept: Kept) -> None:
    """It is paused, goes on, and is being cancelled; people are told nothing, programs what was done."""
    for verb, status in (("pause", "paused"), ("resume", "running"), ("cancel", "cancelling")):
        result = kept.runs(verb, kept.running.id)
        assert (result.exit_code, result.output) == (0, "")
        assert kept.status(kept.running) == status
    assert kept.told("cancel", kept.running.id) == {"run": kept.running.id, "done": "cancel"}
    cancelled = kept.told("show", kept.running.id)["cancelled"]
    assert (bool(cancelled["by"]), cancelled["late"]) == (True, False)
    assert f"ended by  {cancelled['by']} (cancelled " in kept.runs("show", kept.running.id).stdout
    history = kept.told("history", kept.running.id, "--kind", "cancel_requested")["entries"]
    assert [each.get("by") for each in history] == [cancelled["by"]] * 2


def test_a_cancellation_is_only_counted_if_asked_so(kept: Kept) -> None:
    """Nothing is written: the run goes on."""
    result = kept.runs("cancel", kept.running.id, "--dry-run")
    assert (result.exit_code, result.stdout) == (
        0,
        "1 item in flight would finish, 0 would not start (allow_finish)\n",
    )
    told = kept.told("cancel", kept.running.id, "--dry-run")
    assert told == {"policy": "allow_finish", "tasks": 1, "items": 1, "not_started": 0}
    assert kept.status(kept.running) == "running"
    refused = kept.runs("cancel", kept.running.id, "--dry-run", "--task", "probe")
    assert (refused.exit_code, "leave out --task" in refused.stderr) == (2, True)


def test_a_fan_out_is_controlled_without_a_daemon(kept: Kept) -> None:
    """Its concurrency is changed, its items are skipped and retried, as its conductor allows."""
    assert kept.runs("concurrency", kept.running.id, "probe", "3").exit_code == 0
    told = kept.told("skip", kept.running.id, "probe", "0")
    assert told == {"run": kept.running.id, "done": "skip", "task": "probe", "index": 0}
    result = kept.runs("retry", kept.running.id, "nobody", "0")
    assert (result.exit_code, "Traceback" in result.output) == (2, False)


def test_a_runs_deadline_is_extended_without_a_daemon(kept: Kept) -> None:
    """`why` shows the later deadline, `export` the entry; what cannot be says why."""
    with kept.opened() as store:
        timed = Conducted(store, TIMED)
    before = kept.told("why", timed.id)[-1]
    assert kept.told("extend", timed.id, "0.5") == {"run": timed.id, "done": "extend", "seconds": 0.5}
    assert kept.runs("extend", timed.id, "3600").output == ""
    after = kept.told("why", timed.id)[-1]
    assert kept.told("show", timed.id)["deadline"] == "1970-01-01T01:17:40.500000Z"
    assert "deadline  1970-01-01 01:17:40Z" in kept.runs("show", timed.id, "--utc").stdout
    assert kept.told("show", kept.running.id)["deadline"] is None
    assert (before["text"], after["text"]) == (
        "the run times out at 1970-01-01T00:17:40Z", "the run times out at 1970-01-01T01:17:40Z"
    )  # fmt: skip
    entries = json.loads(kept.runs("export", timed.id).stdout)["entries"]
    assert [(each["type"], each["seconds"]) for each in entries] == [
        ("extension_requested", 0.5), ("extension_requested", 3600.0)
    ]  # fmt: skip
    for run, seconds, message in (
        (kept.running.id, "5", "the run has no timeout to extend"),
        (kept.succeeded.id, "5", "has ended"),
        (timed.id, "0", "0 is not in the range x>0"),
        (timed.id, "nan", "must be a positive number"),
        (timed.id, "soon", "'soon' is not a valid float"),
    ):
        result = kept.runs("extend", run, seconds)
        assert (result.exit_code, message in result.stderr) == (2, True), result.output


@pytest.mark.parametrize(
    ("flags", "scope"), [([], "everything"), (["--failed"], "failed_tasks"), (["--failed-items"], "failed_items")]
)
def test_a_run_is_done_again(kept: Kept, flags: list[str], scope: str) -> None:
    """The new run's id is printed; a daemon will perform it."""
    new = kept.runs("rerun", kept.failed.id, *flags).stdout.strip()
    told = kept.told("show", new)
    assert (told["status"], told["rerun_of"], told["rerun_scope"]) == ("running", kept.failed.id, scope)
    assert kept.told("rerun", kept.failed.id, *flags)["rerun_scope"] == scope


def test_a_rerun_of_failed_items_is_narrowed_to_a_task(kept: Kept) -> None:
    """The task is kept with the rerun; it means nothing for other reruns."""
    told = kept.told("rerun", kept.failed.id[-8:], "--failed-items", "--task", "probe")
    assert (told["rerun_of"], told["rerun_scope"], told["rerun_task"]) == (kept.failed.id, "failed_items", "probe")
    assert kept.told("show", told["run"])["rerun_task"] == "probe"
    assert f"rerun of  {kept.failed.id} (failed_items of probe)" in kept.runs("show", told["run"]).stdout
    for flags, message in (
        (["--task", "probe"], "--task needs --failed-items"),
        (["--failed-items", "--task", "prob"], "there is no task 'prob' in tests.items; did you mean 'probe'?"),
    ):
        result = kept.runs("rerun", kept.failed.id, *flags)
        assert (result.exit_code, message in result.stderr) == (2, True), result.output


def test_a_rerun_of_chosen_items(kept: Kept) -> None:
    """By ranges, or by the group of their failures, whose id `errors` shows."""
    (group,) = kept.told("errors", kept.failed.id)["groups"]
    for flags in (["--items", "probe=0-0,1"], ["--error-group", group["id"]]):
        told = kept.told("rerun", kept.failed.id, *flags)
        assert (told["rerun_of"], told["rerun_scope"]) == (kept.failed.id, "items")
        assert kept.told("show", told["run"])["rerun_task"] == "probe"
        assert kept.runs("rerun", kept.failed.id, *flags, "--dry-run").exit_code == 0
    for flags, message in (
        (["--items", "probe=9"], "there is no item 9 of the task 'probe'"),
        (["--items", "probe=2-1"], "'2-1' is no index and no range FIRST-LAST"),
        (["--items", "probe"], "--items must be TASK=RANGES, such as check=0-9,42, got 'probe'"),
        (["--error-group", f"{group['id']}0"], f"did you mean {group['id']!r}?"),
        (["--items", "probe=0", "--failed"], "--failed and --items exclude each other"),
    ):
        result = kept.runs("rerun", kept.failed.id, *flags)
        assert (result.exit_code, message in result.stderr) == (2, True), result.output


def test_a_rerun_has_the_labels_that_are_given(kept: Kept) -> None:
    """In place of those of the old run, by a daemon and in a store."""
    told = kept.told("rerun", kept.failed.id, "--label", "env=stage", "--label", "why=again")
    assert kept.told("show", told["run"])["labels"] == {"env": "stage", "why": "again"}
    refused = kept.runs("rerun", kept.failed.id, "--label", "env")
    assert (refused.exit_code, "must be KEY=VALUE" in refused.stderr) == (2, True), refused.output


def test_runs_are_deleted(kept: Kept) -> None:
    """By their age, by their number; without either it is not clear which."""
    assert kept.told("prune", "--older-than", "99999d") == {"deleted": 0}
    assert kept.runs("prune", "--keep", "1", "--dry-run").stdout == "1 run would be deleted\n"
    assert kept.told("prune", "--keep", "1", "--dry-run") == {"would_delete": 1}
    assert kept.runs("prune", "--keep", "1").stdout == "1 run deleted\n"
    assert kept.told("prune", "--older-than", "1.5h", "--keep", "10") == {"deleted": 1}
    assert [run["id"] for run in kept.told("list")["runs"]] == [kept.running.id]


def test_each_kind_of_store_is_read_and_changed(durable_url: str) -> None:
    """A file, and a database of PostgreSQL's."""
    with open_store(durable_url, None) as store:
        run = Conducted(store, ONE)

    def runs(*arguments: str) -> Result:
        return CliRunner().invoke(main, ["runs", *arguments, "--store", durable_url])

    assert runs("pause", run.id).exit_code == 0
    assert json.loads(runs("list", "--json").stdout)["runs"][0]["status"] == "paused"
    assert json.loads(runs("export", run.id).stdout)["entries"][0]["type"] == "pause_requested"
    assert runs("prune", "--keep", "0").stdout == "0 runs deleted\n"


# ---- what goes wrong


@pytest.mark.parametrize(
    ("arguments", "code", "expected"),
    [
        (["show", "nobody"], 2, "there is no run 'nobody'"),
        (["items", "nobody"], 2, "there is no run 'nobody'"),
        (["watch", "nobody"], 2, "there is no run 'nobody'"),
        (["cancel", "nobody"], 2, "there is no run 'nobody'"),
        (["list", "--cursor", "x"], 2, "cursor"),
        (["list", "--limit", "501"], 2, "501"),
        (["list", "--daemon", "unix:///x"], 2, "exclude each other"),
        (["prune"], 2, "--older-than DURATION, --keep NUMBER"),
        (["prune", "--older-than", "30"], 2, "got '30'"),
        (["rerun", "x", "--failed", "--failed-items"], 2, "exclude each other"),
        (["list", "--store-key", "missing"], 3, "missing: the key file cannot be read"),
        (["resume", "ENDED"], 2, "has ended (succeeded)"),
        (["rerun", "RUNNING"], 2, "it has not ended"),
    ],
)
def test_what_is_wrong_is_told_without_a_traceback(kept: Kept, arguments: list[str], code: int, expected: str) -> None:
    """The exit code says whose mistake it is."""
    names = {"ENDED": kept.succeeded.id, "RUNNING": kept.running.id}
    result = kept.runs(*(names.get(each, each) for each in arguments))
    assert (result.exit_code, expected in result.stderr) == (code, True), result.output
    assert "Traceback" not in result.output


def test_a_store_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    """Neither by a look at it nor by a request."""
    for arguments in (["list"], ["prune", "--keep", "0"], ["delete", "x", "--yes"], ["cancel", "x"]):
        result = CliRunner().invoke(main, ["runs", *arguments, "--store", f"sqlite:///{tmp_path}/none.db"])
        assert (result.exit_code, "the file does not exist" in result.stderr) == (3, True), result.output
    assert list(tmp_path.iterdir()) == []


def test_a_store_in_use_is_read_and_not_changed(kept: Kept) -> None:
    """Who wants to change something is told to ask the daemon that has it."""
    with kept.opened():
        assert len(kept.told("list")["runs"]) == 3
        result = kept.runs("cancel", kept.running.id)
    assert (result.exit_code, "--daemon URL" in result.stderr) == (3, True)
    assert kept.status(kept.running) == "running"


def test_without_its_key_a_store_tells_what_is_not_secret(kept: Kept) -> None:
    """What is secret is told as encrypted; what cannot be done without it says so."""
    kept.key.rename(kept.key.with_name("elsewhere"))
    assert kept.told("show", kept.failed.id)["inputs"] == "(sealed)"
    assert "(sealed)" in kept.runs("items", kept.failed.id).stdout
    result = kept.runs("export", kept.failed.id)
    assert (result.exit_code, "key" in result.stderr) == (2, True)
    with_key = kept.runs("show", kept.failed.id, "--store-key", str(kept.key.with_name("elsewhere")))
    assert "hosts" in with_key.stdout


def test_whose_runs_are_meant_has_to_be_clear(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With no option it is the daemon of the user; if there is none, both options are named."""
    monkeypatch.setattr(socket_file, "default_path", lambda: tmp_path / "s")
    monkeypatch.setattr("stretto.actors.cli.runs.options.default_path", lambda: tmp_path / "s")
    result = CliRunner().invoke(main, ["runs", "list"])
    assert result.exit_code == 2
    for option in ("--daemon unix:///PATH", "--store sqlite:///FILE"):
        assert option in result.stderr
    result = CliRunner().invoke(main, ["runs", "list", "--daemon", f"unix://{tmp_path}/s"])
    assert (result.exit_code, "cannot reach the daemon" in result.stderr) == (3, True)
    result = CliRunner().invoke(main, ["runs", "list", "--store", "sqlite:///s", "--token-file", "x"])
    assert (result.exit_code, "a store asks for no token" in result.stderr) == (2, True)
    result = CliRunner().invoke(main, ["runs", "list", "--store-key", "x"])
    assert (result.exit_code, "a daemon has its own key" in result.stderr) == (2, True)


# ---- which run


def test_the_newest_run_has_a_name(kept: Kept, tmp_path: Path) -> None:
    """`@latest` saves looking its id up; where there is no run, it says so."""
    assert kept.told("show", "@latest")["id"] == kept.running.id
    empty = f"sqlite:///{tmp_path}/empty.db"
    open_store(empty, None).close()
    result = CliRunner().invoke(main, ["runs", "show", "@last", "--store", empty])
    assert (result.exit_code, "there is no '@last' of runs; did you mean '@latest'?" in result.stderr) == (2, True)
    result = CliRunner().invoke(main, ["runs", "show", "@latest", "--store", empty])
    assert (result.exit_code, "there is no run yet" in result.output) == (2, True)


# ---- quarantined runs


def test_a_quarantined_run_is_shown_recovered_and_cancelled(kept: Kept) -> None:
    """Lists, `show` and `why` give the reason, as JSON and for people."""
    run_id = kept.running.id
    reason = f"quarantined: the engine crashed twice; `stretto runs recover {run_id}` tries again"
    poison = Suspicion(run_id=run_id, noted_at=1.0, crashes=2, quarantined_at=2.0, reason=reason)

    def quarantine() -> None:
        with kept.opened() as store:
            store.writer.write([Suspicions(noted=(poison,))])

    quarantine()
    assert [run["id"] for run in kept.told("list", "--status", "quarantined")["runs"]] == [run_id]
    assert f"waits     {reason}\n" in kept.runs("show", run_id).stdout
    assert kept.told("show", run_id)["quarantine"] == {
        "run": run_id, "at": "1970-01-01T00:00:02.000000Z", "reason": reason
    }  # fmt: skip
    assert kept.runs("why", run_id).stdout == f"{reason}\n"
    assert [wait["kind"] for wait in kept.told("why", run_id)] == ["quarantined"]
    refused = kept.runs("pause", run_id)
    assert (refused.exit_code, refused.stderr) == (2, f"stretto: cannot change the run {run_id}: it is {reason}\n")
    assert kept.told("recover", run_id) == {"run": run_id, "done": "recover"}
    assert kept.status(kept.running) == "running"
    again = kept.runs("recover", run_id)
    assert (again.exit_code, again.stderr) == (2, f"stretto: cannot recover the run {run_id}: it is not quarantined\n")
    quarantine()
    assert kept.runs("cancel", run_id).exit_code == 0
    assert kept.status(kept.running) == "cancelled"


def test_a_run_is_deleted_when_the_user_is_sure(kept: Kept) -> None:
    """It is asked for, unless the user has said so; a run in progress stays."""
    run = kept.failed.id
    arguments = ["runs", "delete", run, "--store", kept.url]
    asked = CliRunner().invoke(main, arguments, input="n\n")
    assert (asked.exit_code, kept.status(kept.failed)) == (1, "failed")
    assert f"Delete the run {run}" in asked.stderr
    assert CliRunner().invoke(main, arguments, input="y\n").exit_code == 0
    assert kept.runs("show", run).exit_code == 2
    again = CliRunner().invoke(main, arguments, input="n\n")
    assert (again.exit_code, "Delete the run" in again.stderr) == (2, False)
    assert f"there is no run '{run}'" in again.stderr
    assert kept.told("delete", kept.succeeded.id, "--yes", "--note", "too old") == {
        "run": kept.succeeded.id, "done": "delete",
    }  # fmt: skip
    refused = kept.runs("delete", kept.running.id, "--yes")
    assert refused.exit_code == 2
    assert "has not ended (running): cancel it first" in refused.stderr
    with kept.opened() as store:
        notes = [(row.entry.operation, row.entry.note) for row in store.reader.access.audit(AuditQuery()).rows]
    assert notes == [("delete_run", "too old"), ("delete_run", None)]


def test_a_note_stands_in_the_audit_and_is_bounded(kept: Kept) -> None:
    """Of each command that changes something."""
    run = kept.running.id
    for command in (["pause", run], ["resume", run], ["skip", run, "probe", "0"], ["prune", "--keep", "5"]):
        assert kept.runs(*command, "--note", f"for {command[0]}").exit_code == 0
    with kept.opened() as store:
        notes = [row.entry.note for row in store.reader.access.audit(AuditQuery()).rows]
    assert notes == ["for prune", "for skip", "for resume", "for pause"]
    long = kept.runs("pause", run, "--note", "x" * 1001)
    assert long.exit_code == 2
    assert "a note must have at most 1,000 characters (MAX_NOTE), got 1,001" in long.stderr
