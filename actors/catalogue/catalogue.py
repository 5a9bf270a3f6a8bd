"""The definitions that an engine knows, by ref."""

import copy
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from stretto.actors.actions import ActionRegistry
from stretto.actors.catalogue.callables import Callables
from stretto.actors.catalogue.definition import Definition, duplicate_ref, read_definition, unreadable
from stretto.actors.catalogue.rules import DEFAULT_RULES, Rules
from stretto.actors.catalogue.secret_flow import secrecies_of, secrecy_among
from stretto.actors.catalogue.triggers import Triggers
from stretto.actors.locating import is_path
from stretto.definitions.context import NO_SECRECY, Secrecy
from stretto.definitions.dialects import read_with_findings
from stretto.definitions.errors import Finding, InvalidDefinition, UnknownWorkflow, nearest
from stretto.definitions.model import Workflow
from stretto.definitions.source import MAX_CLIENT_WORK, Work
from stretto.definitions.validation import KnownActions

if TYPE_CHECKING:
    from stretto.actors.catalogue.file_scope import FileScope
    from stretto.actors.packs import Pack, PackSensor, PackWorkflow


NO_WORKFLOWS: Final[Mapping[str, Workflow]] = MappingProxyType({})


class Catalogue:
    """Workflows by ref.

    An invalid definition does not affect the others. Its errors are raised when it is asked for.

    Args:
        actions: The actions that tasks can call.
        earlier: The catalogue that this one replaces. A workflow whose file has become invalid stays as it was there,
            and warnings that were logged there are not logged again.
        rules: How definitions are checked and reported.

    Attributes:
        actions: As given.
        findings: All errors and warnings of each definition file that was read.
        triggers: The rules, webhooks and sensors.
        pack_sensors: The sensors of packs, by ref.
    """

    def __init__(
        self, actions: ActionRegistry, earlier: "Catalogue | None" = None, rules: Rules = DEFAULT_RULES
    ) -> None:
        self.actions = actions
        self.findings: dict[str, tuple[Finding, ...]] = {}
        self.pack_sensors: dict[str, PackSensor] = {}
        self.triggers: Triggers = Triggers(None if earlier is None else earlier.triggers, self.pack_sensors)
        self._rules = rules
        self._workflows: dict[str, Workflow] = {}
        self._stems: dict[str, list[str]] = {}
        self._conflicts: dict[str, InvalidDefinition] = {}
        self._invalid: dict[str, InvalidDefinition] = {}
        self._invalid_stems: dict[str, InvalidDefinition] = {}
        self._described: dict[Path, PackWorkflow] = {}
        self._pending: list[Definition] = []
        self._to_keep = dict(earlier._workflows) if earlier is not None else {}  # noqa: SLF001 - another of its class
        self._warned: dict[str, list[str]] = dict(earlier._warned) if earlier is not None else {}  # noqa: SLF001 - same
        self._nested: frozenset[str] | None = None
        self._secrecies: Mapping[str, Secrecy] | None = None

    # ---- reading

    def read_files(self, paths: Iterable[Path]) -> None:
        """Read definition files. Rehearsal and config files among them are left out. `check` must follow."""
        for path in paths:
            definition = _read(path, None)
            if not definition.is_other:
                self._add(definition)

    def add_pack(self, pack: "Pack") -> None:
        """Read a pack's workflows, and log its findings unless an earlier catalogue did. `check` must follow."""
        from stretto.actors.packs import findings_of  # noqa: PLC0415 - most validated files are in no pack

        manifest = pack.manifest
        findings = findings_of(pack, self.actions)
        fresh = [each for each in findings if str(each) not in self._warned.get(manifest.place.file, ())]
        if fresh:
            self._rules.log("pack_doubtful", pack=manifest.ref, folder=str(manifest.folder), findings=fresh)
        self._warned[manifest.place.file] = [str(each) for each in findings]
        self.pack_sensors.update({each.ref: each for each in pack.sensors})
        for described in pack.workflows:
            self._described[described.path] = described
            self._add(_read(described.path, described))

    def check(self) -> None:
        """Check the definitions that were read: only now are all refs known that they may call.

        An invalid definition is withdrawn, and then those that call it are checked again.
        """
        self._keep_earlier()
        unchecked, valid = self._pending, list[Definition]()
        # At first a definition that could be read in part is callable, so that all findings of its callers are found.
        partial = {str(each.ref): each.workflow for each in unchecked if each.workflow is not None and each.errors}
        while unchecked:
            known = self._known(partial)
            partial = {}
            withdrawn = {each.ref for each in unchecked if not self._accept(each, known)}
            valid += [each for each in unchecked if not each.errors]
            self._keep_earlier()
            unchecked = [each for each in valid if not withdrawn.isdisjoint(each.calls())]
            again = set(unchecked)
            valid = [each for each in valid if each not in again]
        self._pending = []
        self._to_keep = {}
        self._explain_unusable()

    def _add(self, definition: Definition) -> None:
        self._pending.append(definition)
        if definition.is_trigger:
            return
        workflow = definition.workflow
        if workflow is None or definition.errors:
            self._refuse(definition)
            return
        earlier = self._workflows.get(workflow.ref)
        if earlier is not None:
            self._add_conflict(definition, earlier.file)
            self._remove(workflow.ref)
        elif workflow.ref in self._conflicts:
            self._add_conflict(definition, self._conflicts[workflow.ref].findings[0].place.file)
        else:
            self._enter(workflow)

    def _add_conflict(self, definition: Definition, taken_by: str) -> None:
        error = InvalidDefinition([duplicate_ref(definition, taken_by)])
        self._conflicts.setdefault(str(definition.ref), error)
        self.findings[definition.file] = error.findings

    def _enter(self, workflow: Workflow) -> None:
        self._workflows[workflow.ref] = workflow
        self._nested = self._secrecies = None
        refs = self._stems.setdefault(Path(workflow.file).stem, [])
        if workflow.ref not in refs:
            refs.append(workflow.ref)

    def _remove(self, ref: str) -> None:
        workflow = self._workflows.pop(ref)
        self._nested = self._secrecies = None
        self._stems[Path(workflow.file).stem].remove(ref)

    def _accept(self, definition: Definition, known: KnownActions | None) -> bool:
        """Check a definition. Withdraw it if it has errors, and log what was found."""
        self._examine(definition, known)
        conflict = [each for each in self.findings.get(definition.file, ()) if each.code == "duplicate_ref"]
        self.findings[definition.file] = (*conflict, *definition.findings)
        if not definition.errors:
            self._log_warnings(definition)
            self.findings[definition.file] += _logged(self._rules, definition.file, self.triggers.enter(definition))
            return True
        self._refuse(definition)
        event = "definition_unreadable" if definition.findings[0].code == "not_readable" else "definition_refused"
        self._rules.log(event, file=definition.file, findings=definition.errors)
        workflow = definition.workflow
        if workflow is not None and self._workflows.get(workflow.ref) is workflow:
            self._remove(workflow.ref)
        return False

    def _examine(self, definition: Definition, known: KnownActions | None) -> None:
        workflow = definition.workflow
        shadowed = workflow is not None and self.actions.find(workflow.ref, workflow.semantics.core_actions) is not None
        definition.examine(known, shadowed=shadowed)

    def _refuse(self, definition: Definition) -> None:
        if definition.is_trigger:
            self.triggers.refuse(definition)
            return
        error = InvalidDefinition(definition.errors)
        self._invalid_stems[definition.path.stem] = error
        if definition.ref is not None:
            self._invalid[definition.ref] = error

    def _log_warnings(self, definition: Definition) -> None:
        """Log a definition's warnings, once for as long as they stay the same."""
        found, file = definition.warnings, definition.file
        warnings = [str(each) for each in found]
        if not warnings:
            self._warned.pop(file, None)
        elif self._warned.get(file) != warnings:
            self._warned[file] = warnings
            self._rules.log("definition_doubtful", file=file, workflow=definition.ref, findings=found)

    def _keep_earlier(self) -> None:
        """Keep the earlier workflow of each file that has become invalid."""
        for workflow in self._to_keep.values():
            if self._workflows.get(workflow.ref, workflow) is not workflow or workflow.ref in self._conflicts:
                continue
            kept = False
            for errors in (self._invalid, self._invalid_stems):
                for name in [each for each, error in errors.items() if error.findings[0].place.file == workflow.file]:
                    del errors[name]
                    kept = True
            if kept and workflow.ref not in self._workflows:
                self._enter(workflow)
                self._rules.log("definition_kept", workflow=workflow.ref, file=workflow.file)

    def _known(self, partial: Mapping[str, Workflow] = NO_WORKFLOWS) -> KnownActions | None:
        workflows, unusable = self._callable(), self._unusable()
        for ref in partial.keys() - workflows.keys() - self._conflicts.keys():
            workflows[ref] = partial[ref]
        callables = Callables(self.actions, workflows, unusable, self._rules.find_more, pools=self._rules.pools)
        return self._rules.check_calls(callables)

    def _callable(self) -> dict[str, Workflow]:
        return dict(self._workflows)  # a check must not see what it withdraws

    def _unusable(self) -> dict[str, str]:
        """Return for each ref without a usable definition why it has none."""
        errors = {**self._invalid_stems, **self._invalid, **self._conflicts}
        callable_refs = self._callable()
        return {
            ref: f"the workflow of that ref cannot be used: {error.findings[0]}"
            for ref, error in errors.items()
            if ref not in callable_refs
        }

    def _explain_unusable(self) -> None:
        """Let runs explain calls of refs that expressions give, and that no check can see."""
        for ref, reason in self._unusable().items():
            self.actions.refuse(ref, reason)

    # ---- finding

    def refs(self) -> tuple[str, ...]:
        """Return all refs, sorted."""
        return tuple(sorted(self._workflows))

    def workflows(self) -> Mapping[str, Workflow]:
        """Return all workflows by ref."""
        return MappingProxyType(self._workflows)

    def refused(self) -> Mapping[str, InvalidDefinition]:
        """Return the errors of each ref whose definition cannot be used."""
        return {ref: error for ref, error in (self._invalid | self._conflicts).items() if ref not in self._workflows}

    def scope_of(self, name: str) -> "Catalogue":
        """Return the catalogue that a workflow and those that it calls are found in.

        For a ref that is this catalogue. For a file's path it also has that file and the workflows in its folder.

        Raises:
            UnknownWorkflow: The file cannot be read.
        """
        return self.file_scope(Path(name)) if is_path(name) else self

    def file_scope(self, path: Path) -> "FileScope":
        """Return this catalogue with a file and the workflows in its folder. Raises as `scope_of` does."""
        from stretto.actors.catalogue.file_scope import FileScope  # noqa: PLC0415 - which is made of this class

        return FileScope(self, path)

    def find(self, name: str) -> Workflow:
        """Return the workflow of a ref, of a file's name without its suffix, or of a file's path.

        Raises:
            UnknownWorkflow: There is no such workflow. The message suggests the nearest ref.
            InvalidDefinition: The definition has errors. The exception lists them all.
        """
        return self.scope_of(name).find(name) if is_path(name) else self.find_ref(name)

    def find_ref(self, name: str) -> Workflow:
        """Return the workflow of a ref, or of a file's name without suffix, without opening one. Raises as `find`."""
        if name in self._workflows:
            return self._workflows[name]
        for errors in (self._conflicts, self._invalid):
            if name in errors:
                raise errors[name]
        refs = self._stems.get(name, [])
        if not refs and name in self._invalid_stems:
            raise self._invalid_stems[name]
        if len(refs) == 1:
            return self._workflows[refs[0]]
        if refs:
            raise UnknownWorkflow(f"several workflows come from files called {name!r}: {', '.join(refs)}")
        hint = self.actions.refused.get(name) or nearest(name, (*self._workflows, *self._stems))
        raise UnknownWorkflow(f"there is no workflow {name!r}; {hint or _where_to_look(name, self.refs())}")

    def nested_refs(self) -> frozenset[str]:
        """Return the refs that run as sub-workflows. An action wins over a workflow of the same ref."""
        if self._nested is None:
            self._nested = frozenset(ref for ref in self._workflows if ref not in self.actions)
        return self._nested

    def secrecy_of(self, workflow: Workflow) -> Secrecy:
        """Return what a workflow passes to secret parameters of actions and of other workflows."""
        secrecies = self._all_secrecies()
        if self._workflows.get(workflow.ref) is workflow:
            return secrecies.get(workflow.ref, NO_SECRECY)
        return secrecy_among(workflow, secrecies, self._callable(), self.actions)

    def _all_secrecies(self) -> Mapping[str, Secrecy]:
        if self._secrecies is None:
            self._secrecies = secrecies_of(self._workflows, self.actions)
        return self._secrecies

    def read_text(self, text: str, file: str) -> Workflow:
        """Read a definition's text.

        No file is opened, because the text may be a client's. Its warnings are not logged for the same reason, and the
        work of reading it is bounded.

        Args:
            text: The definition.
            file: Its name in findings.

        Raises:
            InvalidDefinition: The definition has errors.
        """
        return usable(self.read_definition_text(text, file))

    def read_definition_text(self, text: str, file: str) -> Definition:
        """Return a definition's text with all its findings. See `read_text`."""
        definition = Definition(Path(file), read_with_findings(text, file, Work(MAX_CLIENT_WORK)))
        self._examine(definition, self._known())
        return definition

    def with_actions(self, actions: ActionRegistry, rules: Rules) -> "Catalogue":
        """Return the same workflows with other actions, and other rules for the definitions that are read with them."""
        other = copy.copy(self)
        other.actions, other._rules = actions, rules  # noqa: SLF001 - another of its class
        other._nested = other._secrecies = None  # noqa: SLF001 - same
        return other


def _read(path: Path, described: "PackWorkflow | None") -> Definition:
    try:
        return read_definition(path, described)
    except (InvalidDefinition, UnknownWorkflow) as error:
        return unreadable(path, error, described)


def _where_to_look(name: str, refs: tuple[str, ...]) -> str:
    if refs:
        return f"known: {', '.join(refs)}"
    return f"none are known: give the path of a file, such as {name}.yaml, or a folder with --definitions"


def usable(definition: Definition) -> Workflow:
    """Return a definition's workflow. Raises `InvalidDefinition` with every error."""
    if definition.errors or definition.workflow is None:
        raise InvalidDefinition(definition.errors)
    return definition.workflow


def _logged(rules: Rules, file: str, taken: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """Log that a definition is refused, if it is. Return the findings."""
    if taken:
        rules.log("definition_refused", file=file, findings=taken)
    return taken
