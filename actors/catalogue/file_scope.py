"""A workflow that is given as a file, together with the workflows in the file's folder."""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from stretto.actors.catalogue.catalogue import Catalogue, usable
from stretto.actors.catalogue.definition import Definition, read_definition, unreadable
from stretto.actors.catalogue.rules import log_nothing
from stretto.actors.catalogue.secret_flow import secrecies_of
from stretto.actors.locating import files_beside, is_path
from stretto.definitions.context import Secrecy
from stretto.definitions.errors import InvalidDefinition, UnknownWorkflow
from stretto.definitions.model import Workflow

# ruff: noqa: SLF001 - a scope extends another catalogue


class FileScope(Catalogue):
    """A file and the workflows in its folder, not below it. They extend the catalogue `base`.

    The folder is read only if the workflow calls something that is not an action. An invalid file in it, or one whose
    ref is taken, matters only if it is called.

    Attributes:
        definition: The file, with all its findings.
    """

    def __init__(self, base: Catalogue, path: Path) -> None:
        """Read the file. Raises `UnknownWorkflow` if that is impossible."""
        super().__init__(base.actions, rules=replace(base._rules, log=log_nothing))
        self._base = base
        self._path = path
        described = base._described.get(path.resolve()) if base._described else None
        try:
            self.definition = read_definition(path, described)
        except InvalidDefinition as error:
            self.definition = unreadable(path, error, described)
        if self.definition.workflow is not None:
            self._add(self.definition)
            self._pending.clear()  # it is checked last: a file beside it may be what it calls
            if self._calls_workflows():
                self._read_folder()
        own = self.definition.workflow
        # A workflow that calls itself is not an error of its own.
        self._examine(self.definition, self._known({} if own is None else {own.ref: own}))
        self.definition.release_document()  # runs keep their scope
        self.findings[str(path)] = self.definition.findings
        if not self.definition.errors:
            base._log_warnings(self.definition)

    def scope_of(self, name: str) -> Catalogue:
        """Return this catalogue for a ref and for its own file's path."""
        return self if not is_path(name) or Path(name) == self._path else self._base.scope_of(name)

    def find(self, name: str) -> Workflow:
        """Return a workflow. Raises as `Catalogue.find` does."""
        if is_path(name):
            return usable(self.definition) if Path(name) == self._path else self._base.find(name)
        return self.find_ref(name)

    def find_ref(self, name: str) -> Workflow:
        """Return a workflow. Raises as `Catalogue.find_ref` does."""
        if name in self._base._workflows and name not in self._workflows:
            return self._base.find_ref(name)
        try:
            return super().find_ref(name)
        except UnknownWorkflow:
            return self._base.find_ref(name)

    def nested_refs(self) -> frozenset[str]:
        """Return the refs that run as sub-workflows."""
        return self._base.nested_refs() | super().nested_refs()

    def _calls_workflows(self) -> bool:
        workflow = self.definition.workflow
        if workflow is None or self._known() is None:
            return False
        core = workflow.semantics.core_actions
        return any(ref is None or self.actions.find(ref, core) is None for ref in self.definition.calls())

    def _read_folder(self) -> None:
        others = files_beside(self._path)
        names = {each.name for each in others}
        read = {os.path.realpath(each) for each in self._base.findings if os.path.basename(each) in names}  # noqa: PTH119
        self.read_files(each for each in others if os.path.realpath(each) not in read)
        self.check()

    def _add(self, definition: Definition) -> None:
        taken = self._base._workflows.get(definition.ref or "")
        if taken is not None and os.path.realpath(taken.file) != os.path.realpath(definition.path):
            self._pending.append(definition)
            self._add_conflict(definition, taken.file)
        else:
            super()._add(definition)

    def _explain_unusable(self) -> None:
        """Explain nothing: the registry is not this file's alone."""

    def _callable(self) -> dict[str, Workflow]:
        workflows = {**self._base._callable(), **self._workflows}
        return {ref: workflow for ref, workflow in workflows.items() if ref not in self._conflicts}

    def _unusable(self) -> dict[str, str]:
        return {**self._base._unusable(), **super()._unusable()}

    def _all_secrecies(self) -> Mapping[str, Secrecy]:
        if self._secrecies is None:
            known = self._base._all_secrecies()
            self._secrecies = secrecies_of(self._workflows, self.actions, self._callable(), known)
        return self._secrecies
