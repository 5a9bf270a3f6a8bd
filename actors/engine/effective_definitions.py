"""The definitions and the pack configuration that new runs start with, and what follows from both for a workflow."""

import contextlib
from typing import TYPE_CHECKING

import msgspec

from stretto.actors.catalogue import refused_to_remote
from stretto.actors.journal import Origin
from stretto.actors.locating import is_path
from stretto.actors.runs import waiting_actions
from stretto.definitions.context import RunEnvironment, Secrecy
from stretto.definitions.errors import Finding, InvalidDefinition, UnknownWorkflow
from stretto.definitions.model import Workflow, once_per_workflow

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stretto.actors.actions import ActionRegistry
    from stretto.actors.catalogue import Catalogue
    from stretto.actors.packs import Pack, PackConfiguration


class RunStart(msgspec.Struct, frozen=True):
    """Data that all runs of a workflow start with, as long as the definitions stay.

    Attributes:
        workflow: The workflow.
        nested: The refs that start no call: workflows, and actions that it may call and that wait.
        secrecy: The values that the workflow passes to secret parameters.
        environment: The pack configuration and keystore that its expressions read.
    """

    workflow: Workflow
    nested: frozenset[str]
    secrecy: Secrecy
    environment: RunEnvironment


class EffectiveDefinitions:
    """The definitions and the pack configuration that new runs start with."""

    def __init__(
        self, catalogue: "Catalogue", pack_configuration: "PackConfiguration", actions: "ActionRegistry"
    ) -> None:
        self._actions = actions
        self.catalogue = catalogue
        self.pack_configuration = pack_configuration
        self._starts: dict[str, RunStart] = {}
        """Of the catalogue's workflows that have run, by ref."""
        self._checked: dict[tuple[str, Origin], Workflow] = {}
        """Those of the catalogue's workflows that may run, by ref and origin. No ref is a file's path."""
        self._nested: dict[frozenset[str], frozenset[str]] = {}
        """The refs that start no call, by the waiting actions among them."""

    def replace(self, catalogue: "Catalogue", packs: "Iterable[Pack]") -> None:
        """Use other definitions. Raises `InvalidPackConfig`, and then keeps the present ones."""
        self.pack_configuration = self.pack_configuration.of_packs(packs)
        self.catalogue = catalogue
        self._starts, self._checked, self._nested = {}, {}, {}

    def start_of(self, workflow: Workflow, scope: "Catalogue | None" = None) -> RunStart:
        """Return what a run of a workflow starts with. It is computed once for each workflow of the catalogue.

        Args:
            workflow: The workflow.
            scope: The workflows that it can call, if these are not those of the catalogue.
        """
        if scope is not None:
            return self._start_in(scope, workflow)
        known = self._starts.get(workflow.ref)
        if known is not None and known.workflow is workflow:
            return known
        start = self._start_in(self.catalogue, workflow)
        if self._has(workflow):
            self._starts[workflow.ref] = start
        return start

    def checked(self, ref: str, origin: Origin) -> Workflow | None:
        """Return the workflow of a ref if it was checked for a run of the origin before, else None."""
        return self._checked.get((ref, origin))

    def check(self, workflow: Workflow, scope: "Catalogue | None", origin: Origin) -> None:
        """Check that a workflow, and those that it calls, need nothing that the run does not get.

        That is a name that the keystore or the configuration lacks, or a command with an expression in a remote run.

        Args:
            workflow: The workflow.
            scope: As of `start_of`.
            origin: Who starts the run.

        Raises:
            InvalidDefinition: They do.
        """
        if scope is None and self._checked.get((workflow.ref, origin)) is workflow:
            return
        found = self._refusals(workflow, scope or self.catalogue, origin)
        if found:
            raise InvalidDefinition(found)
        if scope is None and self._has(workflow) and not is_path(workflow.ref):
            self._checked[workflow.ref, origin] = workflow

    def _has(self, workflow: Workflow) -> bool:
        """Return whether a workflow is the catalogue's own. Others come and go, and nothing is kept of them."""
        return self.catalogue.workflows().get(workflow.ref) is workflow

    def _start_in(self, scope: "Catalogue", workflow: Workflow) -> RunStart:
        environment = self.pack_configuration.of_workflow(workflow.ref)
        return RunStart(workflow, self._nested_in(scope, workflow), scope.secrecy_of(workflow), environment)

    def _nested_in(self, scope: "Catalogue", workflow: Workflow) -> frozenset[str]:
        """Return the refs that start no call: the same set for all runs, as many of them wait for days."""
        waiting = waiting_actions(workflow, self._actions)
        if not waiting:
            return scope.nested_refs()
        if scope is not self.catalogue:
            return scope.nested_refs() | waiting
        known = self._nested.get(waiting)
        if known is None:
            known = self._nested[waiting] = scope.nested_refs() | waiting
        return known

    def _refusals(self, workflow: Workflow, scope: "Catalogue", origin: Origin) -> list[Finding]:
        configuration, nested = self.pack_configuration, scope.nested_refs()
        found, seen, left = list[Finding](), {workflow.ref}, [workflow]
        while left:
            each = left.pop()
            found += configuration.missing_names(each)
            if origin == "remote":
                found += refused_to_remote(each, self._actions)
            called = (_actions_of(each) & nested) - seen
            seen |= called
            for ref in sorted(called):
                with contextlib.suppress(UnknownWorkflow):  # its item fails when it comes to it
                    left.append(scope.find_ref(ref))
        return found


@once_per_workflow
def _actions_of(workflow: Workflow) -> frozenset[str]:
    return frozenset(task.action for task in workflow.tasks.values() if task.action is not None)
