"""Starting runs, and what can be started."""

from collections.abc import Mapping
from os import PathLike
from typing import Any

import pykka

from stretto.actors.dispatch import Deferred
from stretto.actors.engine.actor import EngineActor
from stretto.actors.history import RerunChoice, preview_rerun
from stretto.actors.journal import GivenItems, Origin, Requester, RerunScope
from stretto.definitions.model import Workflow


class SubmissionMethods(EngineActor):
    """Starting runs, and what can be started."""

    def submit(  # noqa: PLR0913 - keywords, each independent
        self,
        workflow: str | PathLike[str] | Workflow,
        inputs: Mapping[str, Any] | None = None,
        watcher: pykka.ActorRef[Any] | None = None,
        *,
        idempotency_key: str | None = None,
        labels: Mapping[str, str] | None = None,
        priority: str | None = None,
        origin: Origin = "owner",
        by: Requester | None = None,
    ) -> Deferred:
        """Start a run of a workflow. With a store, the run is durable when this is answered.

        Args:
            workflow: A ref, the path of a file, or a `Workflow`.
            inputs: The run's inputs by parameter.
            watcher: An actor that gets `RunProgressed` as the run progresses, with changes merged while it is busy.
            idempotency_key: If an earlier run was accepted with this key and the same request, return its handle.
            labels: Up to 16 texts by key, by which `runs` finds the run. Its sub-workflows' runs do not get them.
            priority: "low", "normal", "high" or "urgent". None is that of the definition. Sub-workflows have it.
            origin: "remote" for a client without the rights of this process. It decides which files the run may use.
            by: Who asks for it. The run records it, and the audit gets an entry in the same commit as the change.

        Returns:
            The `RunHandle`.

        Raises:
            UnknownWorkflow: There is no such workflow.
            InvalidDefinition: The definition has errors, or reads a name that keystore or configuration lack.
            InvalidInput: The inputs do not match the parameters.
            InvalidLabels: There are too many labels, or one is too long or not printable.
            InvalidPriority: There is no such priority.
            EngineStopping, TooManyRuns: The engine is being stopped, or has `max_runs` runs in progress.
            IdempotencyConflict: The key belongs to another request.
            RefusedFile: The run must not use a file whose path is fixed in the definition.
        """
        return self._core.submissions.submit(workflow, inputs, watcher, idempotency_key, labels, origin, by, priority)

    def rerun(  # noqa: PLR0913 - keywords, each independent
        self,
        run_id: str,
        scope: RerunScope = "everything",
        task: str | None = None,
        *,
        items: GivenItems | None = None,
        error_group: str | None = None,
        idempotency_key: str | None = None,
        labels: Mapping[str, str] | None = None,
        origin: Origin = "owner",
        by: Requester | None = None,
    ) -> Any:
        """Start a run with the definition and inputs of an ended one, which stays as it is.

        Args:
            run_id: The ended run.
            scope: "everything" reuses nothing, "failed_tasks" what succeeded and does not follow a failed task.
                "failed_items" runs only failed items and what follows them, also failures within `max_failures`.
            task: With "failed_items", the only task whose failed items run.
            items: Of each task, indexes and pairs [first, last] of the items that run, with what follows them. All
                other items are taken over as they ended, failed ones too. Those that were cancelled or never started
                run.
            error_group: The id of a group of `errors`, in place of `items`: its items run.
            idempotency_key: If an earlier rerun was accepted with this key and the same request, return its handle.
            labels: The labels of the new run, as of `submit`. None takes those of the old run.
            origin: As of `submit`. A rerun of a remote run is always remote.
            by: As of `submit`.

        Returns:
            The `RunHandle` of the new run.

        Raises:
            NothingToRerun: No task of the run failed, or no item.
            CannotKeep: The results of the run cannot be reused.
            UnknownTask: The workflow has no such task.
            UnknownGroup: The run has no such group of failures.
            InvalidItems: The items are no ranges, too many, or more than the task had.
            EngineStopping, RefusedFile, IdempotencyConflict, InvalidLabels: As of `submit`.
            ValueError: The arguments do not fit together.
        """
        choice = RerunChoice(scope, task, items, error_group)
        return self._core.reruns.rerun(run_id, choice, idempotency_key, labels, origin, by)

    def preview_rerun(
        self,
        run_id: str,
        scope: RerunScope = "everything",
        task: str | None = None,
        *,
        items: GivenItems | None = None,
        error_group: str | None = None,
    ) -> Deferred:
        """Return what `rerun` would run again, without a rerun. Raises as `rerun` does.

        Returns:
            {tasks, items}: the numbers of the tasks that have started in the run, and of their items.
        """
        return self._core.store.read_long(preview_rerun, run_id, scope, task, items=items, error_group=error_group)

    def workflow(self, name: str) -> Workflow:
        """Return the definition of a ref or a file's path. Raises as `submit` does."""
        return self._core.definitions.catalogue.find(name)

    def workflows(self) -> tuple[str, ...]:
        """Return the refs of all known workflows."""
        return self._core.definitions.catalogue.refs()
