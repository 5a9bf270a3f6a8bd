"""The engine's methods for another process, in the shape of the actor's proxy, and their blocking facade."""

from collections.abc import Iterator, Mapping, Sequence
from os import PathLike
from types import TracebackType
from typing import Any, Final, Literal, Self

import msgspec
import pykka

from stretto.actors.engine import BlockingCalls
from stretto.actors.gateway.client import Client
from stretto.actors.gateway.remote.arguments import key_or_new, listed, named_or_read, plain_items, run_of_export
from stretto.actors.gateway.remote.calls import Calls, Sender
from stretto.actors.gateway.remote.following import handle_of, states_of
from stretto.actors.journal import PAGE, GivenItems, RerunScope
from stretto.actors.operations import (
    Accepted,
    Audit,
    Cancel,
    Cells,
    Context,
    Definitions,
    DeleteRun,
    Errors,
    Export,
    Extend,
    FindRun,
    History,
    Item,
    ItemOutput,
    Items,
    Pause,
    PreviewCancel,
    PreviewRerun,
    Prune,
    Recover,
    Rerun,
    Resume,
    RetryItem,
    Run,
    RunCounts,
    RunDefinition,
    Runs,
    SetConcurrency,
    SetMaxFailures,
    SkipItem,
    Status,
    Submit,
    Task,
    Tasks,
    Why,
)  # fmt: skip
from stretto.actors.outcome import RunHandle
from stretto.definitions.data import thaw
from stretto.definitions.model import Workflow

AWAY_SECONDS: Final = 120.0
"""How long a daemon may be away by default."""


def connect(url: str, token: str | None = None, *, away_seconds: float = AWAY_SECONDS) -> "RemoteEngine":
    """Return an engine in another process: a daemon's, by its socket or its port. No request is sent yet.

    Args:
        url: `unix:///PATH`, `http://HOST:PORT` or `https://HOST:PORT`.
        token: The token for a port. A socket knows its user.
        away_seconds: How long a daemon that has answered may be away, as during its restart. Requests and outcomes are
            waited for so long.

    Raises:
        BadUrl: The URL is another one.
    """
    return RemoteEngine(url, token, away_seconds=away_seconds)


class RemoteEngine:
    """The engine of a daemon. `connect(...)` returns one.

    The methods are those of `Engine`. Each returns a future at once, whose `get(timeout=...)` raises the errors of the
    engine's method, and these:

    - `DaemonUnreachable`: no daemon answers. `RequestRefused`: the daemon itself refuses, as with `forbidden`.
    - `ClientClosed`: this object is closed.

    Requests that change a run in progress arrive in their order, others side by side. Use a `with` block, or `close`.
    The runs continue after it. Several threads can use one object, and actors, too, if they do not wait.

    Attributes:
        url: The daemon's URL.
    """

    def __init__(self, url: str, token: str | None = None, *, away_seconds: float = AWAY_SECONDS) -> None:
        self.url = url
        self._followed = Calls(Client(url, token), away_seconds)
        self._calls: Sender = self._followed

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _raised: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections and end all threads. Futures without an answer raise `ClientClosed`; runs continue."""
        self._followed.close()

    def blocking(self) -> "BlockingRemoteEngine":
        """Return the same engine with methods that wait for their answers, as `Engine.open()` has them."""
        return BlockingRemoteEngine(self)

    def submit(
        self,
        workflow: str | PathLike[str] | Workflow,
        inputs: Mapping[str, Any] | None = None,
        *,
        idempotency_key: str | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> pykka.Future[RunHandle]:
        """Start a run of a workflow. See `Engine.submit`.

        A lost answer starts no second run: the request is sent again with its key.

        Args:
            workflow: A ref that the daemon knows, the path of a file here, or a `Workflow` that was read from text.
            inputs: The run's inputs by parameter.
            idempotency_key: If an earlier run was accepted with this key and the same request, return its handle. None
                makes a new key.
            labels: Up to 16 texts by key.

        Returns:
            The future of the `RunHandle`. Its outcome is waited for through restarts of a daemon with a store.
        """
        key = key_or_new(idempotency_key)
        given = thaw(dict(inputs or {}))
        return self._calls.send(
            lambda: Submit(named_or_read(workflow), given, key, None if labels is None else dict(labels)),
            self._accepted,
        )

    def rerun(  # noqa: PLR0913 - as of `Engine.rerun`
        self,
        run_id: str,
        scope: RerunScope = "everything",
        task: str | None = None,
        *,
        items: GivenItems | None = None,
        error_group: str | None = None,
        idempotency_key: str | None = None,
    ) -> pykka.Future[RunHandle]:
        """Start a run with the definition and inputs of an ended one. See `Engine.rerun`, and `submit` for the key."""
        chosen, key = plain_items(items), key_or_new(idempotency_key)
        return self._calls.send(lambda: Rerun(run_id, scope, task, chosen, error_group, key), self._accepted)

    def handle(self, run_id: str) -> pykka.Future[RunHandle]:
        """Return the handle of a run in progress, or of an ended one in the store."""
        return self._calls.send(lambda: Status(run_id), lambda answer: self._handle_of(run_id, answer.run["workflow"]))

    def watch(self, run_id: str) -> Iterator[dict[str, Any]]:
        """Yield the state of a run now and after each change, until its end: what `RunHandle.watch` does."""
        return states_of(self._followed, run_id)

    def status(self, run_id: str) -> pykka.Future[dict[str, Any]]:
        """Return the status of a run, in progress or ended. See `Engine.status`."""
        return self._calls.send(lambda: Status(run_id), lambda answer: answer.run)

    def tasks(self, run_id: str) -> pykka.Future[list[dict[str, Any]]]:
        """Return the tasks of a run, each with its newest visit. See `Engine.tasks`."""
        return self._calls.send(lambda: Tasks(run_id), lambda answer: answer.tasks)

    def task(self, run_id: str, task: str, visit: int | None = None) -> pykka.Future[dict[str, Any]]:
        """Return a task of a run. See `Engine.task`."""
        return self._calls.send(lambda: Task(run_id, task, visit), lambda answer: answer.task)

    def delete_run(self, run_id: str) -> pykka.Future[None]:
        """Delete an ended run, and the runs of its sub-workflows. See `Engine.delete_run`."""
        return self._calls.send(lambda: DeleteRun(run_id), lambda _answer: None)

    def cancel(self, run_id: str) -> pykka.Future[None]:
        """Cancel a run by its policy. Answered when nothing new will start."""
        return self._calls.control(Cancel(run_id))

    def pause(self, run_id: str) -> pykka.Future[None]:
        """Pause a run: nothing new starts, running items finish."""
        return self._calls.control(Pause(run_id))

    def resume(self, run_id: str) -> pykka.Future[None]:
        """Resume a paused run."""
        return self._calls.control(Resume(run_id))

    def set_concurrency(self, run_id: str, task: str, concurrency: int) -> pykka.Future[None]:
        """Change how many items of a running fan-out may be in its window, at least 1."""
        return self._calls.control(SetConcurrency(run_id, task, concurrency))

    def set_max_failures(self, run_id: str, task: str, max_failures: int) -> pykka.Future[None]:
        """Change how many items of a running fan-out may fail, at least 0."""
        return self._calls.control(SetMaxFailures(run_id, task, max_failures))

    def preview_cancel(self, run_id: str) -> pykka.Future[dict[str, Any]]:
        """Return what `cancel` would stop. See `Engine.preview_cancel`."""
        return self._calls.send(lambda: PreviewCancel(run_id), lambda answer: answer.preview)

    def preview_rerun(
        self,
        run_id: str,
        scope: RerunScope = "everything",
        task: str | None = None,
        *,
        items: GivenItems | None = None,
        error_group: str | None = None,
    ) -> pykka.Future[dict[str, Any]]:
        """Return what `rerun` would run again. See `Engine.preview_rerun`."""
        chosen = plain_items(items)
        return self._calls.send(
            lambda: PreviewRerun(run_id, scope, task, chosen, error_group), lambda answer: answer.preview
        )

    def skip_item(self, run_id: str, task: str, index: int) -> pykka.Future[None]:
        """Skip an item of a running fan-out. See `Engine.skip_item`."""
        return self._calls.control(SkipItem(run_id, task, index))

    def retry_item(self, run_id: str, task: str, index: int) -> pykka.Future[None]:
        """Retry an item of a running fan-out. See `Engine.retry_item`."""
        return self._calls.control(RetryItem(run_id, task, index))

    def extend(self, run_id: str, seconds: float) -> pykka.Future[None]:
        """Add seconds to the deadline of a run whose workflow has a `timeout`."""
        return self._calls.control(Extend(run_id, seconds))

    def recover(self, run_id: str) -> pykka.Future[None]:
        """Try again to recover a quarantined run."""
        return self._calls.send(lambda: Recover(run_id), lambda _answer: None)

    def why(self, run_id: str, task: str | None = None) -> pykka.Future[list[dict[str, Any]]]:
        """Return why a run, or one of its tasks, is waiting. See `Engine.why`."""
        return self._calls.send(lambda: Why(run_id, task), lambda answer: answer.reasons)

    def item_output(
        self, run_id: str, task: str, index: int = 0, attempt: int | None = None
    ) -> pykka.Future[dict[str, Any]]:
        """Return what an item has written so far. See `Engine.item_output`."""
        return self._calls.send(lambda: ItemOutput(run_id, task, index, attempt), lambda answer: answer.output)

    def workflows(self) -> pykka.Future[tuple[str, ...]]:
        """Return the refs of all workflows that the daemon knows."""
        return self._calls.send(
            Definitions, lambda answer: tuple(each["ref"] for each in answer.definitions if each["usable"])
        )

    def runs(  # noqa: PLR0913 - the fields of a query
        self,
        *,
        status: str | Sequence[str] | None = None,
        workflow: str | None = None,
        since: float | None = None,
        labels: Mapping[str, str] | None = None,
        search: str | None = None,
        children: Literal["listed", "folded"] = "listed",
        cursor: str | None = None,
        limit: int = PAGE,
        until: float | None = None,
        parent: str | None = None,
        id_prefix: str | None = None,
    ) -> pykka.Future[dict[str, Any]]:
        """Return a page of stored runs, the newest first. See `Engine.runs`."""
        wanted = None if labels is None else dict(labels)
        return self._calls.send(
            lambda: Runs(
                listed(status), workflow, since, wanted, search, children, cursor, limit, until, parent, id_prefix
            ),
            msgspec.structs.asdict,
        )

    def run_counts(self, since: float, by: Literal["workflow"] | None = None) -> pykka.Future[dict[str, Any]]:
        """Return the number of stored runs by status. See `Engine.run_counts`."""
        return self._calls.send(lambda: RunCounts(since, by), _counted)

    def find_run(self, text: str) -> pykka.Future[str]:
        """Return the id of a run by its id, or by 6 or more hex digits that it begins or ends with."""
        return self._calls.send(lambda: FindRun(text), lambda answer: str(answer.run))

    def run(self, run_id: str) -> pykka.Future[dict[str, Any]]:
        """Return a stored run with its inputs, output, errors and tasks, secrets masked."""
        return self._calls.send(lambda: Run(run_id), lambda answer: answer.run)

    def items(  # noqa: PLR0913, PLR0917 - the fields of a query
        self,
        run_id: str,
        task: str | None = None,
        outcome: str | Sequence[str] | None = None,
        cursor: str | None = None,
        limit: int = PAGE,
        visit: int | None = None,
        order: Literal["ended", "index"] = "ended",
        min_attempts: int = 1,
    ) -> pykka.Future[dict[str, Any]]:
        """Return a page of the ended attempts of a stored run's items. See `Engine.items`."""
        return self._calls.send(
            lambda: Items(run_id, task, listed(outcome), cursor, limit, visit, order, min_attempts),
            msgspec.structs.asdict,
        )

    def item(self, run_id: str, task: str, index: int = 0, visit: int | None = None) -> pykka.Future[dict[str, Any]]:
        """Return the last ended attempt of a stored run's item with its result, secrets masked."""
        return self._calls.send(lambda: Item(run_id, task, index, visit), lambda answer: answer.item)

    def cells(
        self, run_id: str, task: str, visit: int | None = None, known: int | None = None
    ) -> pykka.Future[dict[str, Any]]:
        """Return a map of the items of a stored run's task. See `Engine.cells`."""
        return self._calls.send(lambda: Cells(run_id, task, visit, known), msgspec.structs.asdict)

    def errors(self, run_id: str, task: str | None = None) -> pykka.Future[dict[str, Any]]:
        """Return why items of a stored run have not succeeded, in groups. See `Engine.errors`."""
        return self._calls.send(lambda: Errors(run_id, task), msgspec.structs.asdict)

    def history(
        self, run_id: str, after: int = -1, kind: str | None = None, task: str | None = None, limit: int = PAGE
    ) -> pykka.Future[dict[str, Any]]:
        """Return a page of the entries of a stored run. See `Engine.history`."""
        return self._calls.send(lambda: History(run_id, after, kind, task, limit), msgspec.structs.asdict)

    def context(self, run_id: str, at: int | None = None, path: Sequence[str] = ()) -> pykka.Future[dict[str, Any]]:
        """Return a value of a stored run's context. See `Engine.context`."""
        return self._calls.send(lambda: Context(run_id, at, tuple(path)), msgspec.structs.asdict)

    def definition(self, run_id: str) -> pykka.Future[dict[str, Any]]:
        """Return the definition that a stored run runs with. See `Engine.definition`."""
        return self._calls.send(lambda: RunDefinition(run_id), lambda answer: answer.definition)

    def export(self, run_id: str) -> pykka.Future[dict[str, Any]]:
        """Return a stored run with its definition and all its entries, secrets masked."""
        return self._calls.gather(Export(run_id), run_of_export)

    def audit(
        self, *, since: float | None = None, who: str | None = None, cursor: str | None = None, limit: int = PAGE
    ) -> pykka.Future[dict[str, Any]]:
        """Return a page of the audit, the newest entry first. See `Engine.audit`."""
        return self._calls.send(lambda: Audit(since, who, cursor, limit), msgspec.structs.asdict)

    def prune(self, older_than_seconds: float | None = None, keep: int | None = None) -> pykka.Future[int]:
        """Delete ended runs from the store, and return their number. See `Engine.prune`."""
        return self._calls.send(lambda: Prune(older_than_seconds, keep), lambda answer: int(answer.runs))

    def _accepted(self, accepted: Accepted) -> RunHandle:
        handle = self._handle_of(accepted.run, accepted.workflow)
        return handle.as_replayed() if accepted.replayed else handle

    def _handle_of(self, run_id: str, workflow: str) -> RunHandle:
        return handle_of(self._followed, run_id, workflow)


def _counted(answer: Any) -> dict[str, Any]:
    counts: dict[str, Any] = msgspec.structs.asdict(answer)
    return counts if answer.workflows is not None else {name: counts[name] for name in ("since", "statuses")}


class BlockingRemoteEngine(BlockingCalls):
    """The engine of a daemon, whose methods wait for their answers. `connect(...).blocking()` returns one.

    The methods, and `run` and `wait`, are those of `BlockingEngine`, as far as a daemon has them. A `with` block closes
    the connection at its end; the daemon's runs continue.

    Attributes:
        proxy: The `RemoteEngine`, whose methods return futures.
    """

    proxy: RemoteEngine

    def watch(self, run_id: str) -> Iterator[dict[str, Any]]:
        """Yield the state of a run now and after each change, until its end: what `RunHandle.watch` does."""
        return self.proxy.watch(run_id)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _raised: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections and end all threads. Futures without an answer raise `ClientClosed`; runs continue."""
        self.proxy.close()
