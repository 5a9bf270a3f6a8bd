"""The definitions that an engine knows, by ref; and those that are named by a file's path."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from stretto.actors.actions import ActionRegistry, UnknownAction
from stretto.actors.packs import PackWorkflow
from stretto.actors.secret_parameters import secrecies_of, secrecy_among
from stretto.definitions.dialects import read_workflow
from stretto.definitions.errors import Finding, InvalidDefinition, Place, UnknownWorkflow, nearest
from stretto.definitions.model import Workflow
from stretto.definitions.secrecy import NO_SECRECY, Secrecy
from stretto.definitions.validation import KnownAction, KnownInput
from stretto.metrics import get_logger

MAX_FILE_BYTES = 16 * 1024 * 1024
_SUFFIXES = frozenset({".yaml", ".yml"})
_log = get_logger("stretto.catalogue")


class ActionsAndWorkflows:
    """What a task can name as its action, for validation: the registry's actions, then workflows by their ref."""

    def __init__(self, actions: ActionRegistry, workflows: Mapping[str, Workflow]) -> None:
        self._actions = actions
        self._workflows = workflows

    def refs(self) -> tuple[str, ...]:
        """Return all refs of either."""
        return (*self._actions.refs(), *self._workflows)

    def parameters_of(self, ref: str) -> KnownAction | None:
        """Return what an action or a workflow takes, or None if there is neither."""
        if ref in self._actions:
            action = self._actions.get(ref)
            inputs = [KnownInput(p.name, p.type, p.required, p.nullable, p.enum) for p in action.parameters]
            return KnownAction({each.name: each for each in inputs}, action.takes_anything)
        workflow = self._workflows.get(ref)
        if workflow is None:
            return None
        # A null that is given does for any parameter that is not required.
        inputs = [
            KnownInput(p.name, p.type, p.required, not p.required, () if p.secret else p.enum)
            for p in workflow.parameters.values()
        ]
        return KnownAction({each.name: each for each in inputs})


class Catalogue:
    """Workflows by ref. A file that cannot be used is told when somebody asks for it; the others are there."""

    def __init__(self, actions: ActionRegistry) -> None:
        self._actions = actions
        self._workflows: dict[str, Workflow] = {}
        self._stems: dict[str, list[str]] = {}
        self._broken: dict[str, InvalidDefinition] = {}
        self._conflicts: dict[str, InvalidDefinition] = {}
        self._secrecies: Mapping[str, Secrecy] | None = None

    def load(self, *folders: str | Path) -> None:
        """Read every definition in folders and those below them. `UnknownWorkflow` when there is no such folder."""
        for folder in map(Path, folders):
            if not folder.is_dir():
                raise UnknownWorkflow(f"there is no folder of definitions {str(folder)!r}")
            for path in sorted(folder.rglob("*")):
                if path.suffix in _SUFFIXES and path.is_file():
                    self._load_file(path)
        self._secrecies = None
        # Workflows may call each other: which refs there are is known only now.
        for ref, workflow in list(self._workflows.items()):
            try:
                self._check(workflow)
            except InvalidDefinition as error:
                self._refuse(ref, workflow.file, error)
                del self._workflows[ref]

    def _refuse(self, name: str, file: str, error: InvalidDefinition) -> None:
        _log.warning("definition_refused", file=file, findings=[str(each) for each in error.findings])
        self._broken[name] = error

    def _load_file(self, path: Path) -> None:
        try:
            workflow = self._parse(path)
        except InvalidDefinition as error:
            self._refuse(path.stem, str(path), error)
            return
        except UnknownWorkflow as error:
            _log.warning("definition_unreadable", file=str(path), reason=str(error))
            return
        self._add(workflow)

    def add_of_pack(self, described: PackWorkflow) -> None:
        """Add a workflow of a pack: its metadata gives ref and parameters, the file beside it the graph."""
        try:
            graph = self._parse(described.path)
        except (InvalidDefinition, UnknownWorkflow) as error:
            findings = getattr(error, "findings", (Finding("unreadable", str(error), described.place),))
            self._refuse(described.ref, str(described.path), InvalidDefinition(findings))
            return
        workflow = replace(
            graph,
            ref=described.ref,
            parameters=described.parameters or graph.parameters,
            label=described.label or graph.label,
            description=described.description or graph.description,
        )
        self._add(workflow)

    def _add(self, workflow: Workflow) -> None:
        path = Path(workflow.file)
        earlier = self._workflows.get(workflow.ref)
        if earlier is not None:
            place = Place(str(path), 1, 1, "ref")
            message = f"the ref {workflow.ref!r} is taken by {earlier.file}"
            self._conflicts[workflow.ref] = InvalidDefinition([Finding("duplicate_ref", message, place)])
            return
        self._workflows[workflow.ref] = workflow
        self._stems.setdefault(path.stem, []).append(workflow.ref)
        self._secrecies = None

    def refs(self) -> tuple[str, ...]:
        """Return all refs, sorted."""
        return tuple(sorted(self._workflows))

    def find(self, name: str) -> Workflow:
        """Return the workflow of a ref, of a file's name without its ending, or of a file's path.

        Raises `UnknownWorkflow` (with the nearest ref) or `InvalidDefinition` (with every finding).
        """
        path = Path(name)
        if path.suffix in _SUFFIXES or "/" in name:
            return self.read(path)
        if name in self._conflicts:
            raise self._conflicts[name]
        if name in self._workflows:
            return self._workflows[name]
        refs = self._stems.get(name, [])
        if not refs and name in self._broken:
            raise self._broken[name]
        if len(refs) == 1:
            return self._workflows[refs[0]]
        if refs:
            raise UnknownWorkflow(f"several workflows come from files called {name!r}: {', '.join(refs)}")
        hint = nearest(name, (*self._workflows, *self._stems))
        known = f"; {hint}" if hint else f"; known: {', '.join(self.refs()) or 'none'}"
        raise UnknownWorkflow(f"there is no workflow {name!r}{known}")

    def nested_tasks(self, workflow: Workflow) -> frozenset[str]:
        """Return the tasks whose action is a workflow; an action of the same ref comes first."""
        return frozenset(
            task.name
            for task in workflow.tasks.values()
            if task.action in self._workflows and task.action not in self._actions
        )

    def secrecy_of(self, workflow: Workflow) -> Secrecy:
        """Return what a workflow gives to secret parameters of actions and of other workflows."""
        if self._secrecies is None:
            self._secrecies = secrecies_of(self._workflows, self._actions)
        if self._workflows.get(workflow.ref) is workflow:
            return self._secrecies.get(workflow.ref, NO_SECRECY)
        return secrecy_among(workflow, self._secrecies, self._workflows, self._actions)

    def read(self, path: Path) -> Workflow:
        """Read a file. Raises `UnknownWorkflow` when it cannot be read, `InvalidDefinition` when it is wrong."""
        workflow = self._parse(path)
        self._check(workflow)
        return workflow

    def read_text(self, text: str, file: str) -> Workflow:
        """Read a definition's text; `file` is only told in findings. Raises `InvalidDefinition` when it is wrong."""
        workflow = read_workflow(text, file)
        self._check(workflow)
        return workflow

    def keep_from(self, earlier: "Catalogue") -> None:
        """Have files that are refused now, and were not earlier, stand for what they were then."""
        for workflow in earlier._workflows.values():  # noqa: SLF001 - another catalogue's own
            broken = [name for name, error in self._broken.items() if error.findings[0].place.file == workflow.file]
            if broken and workflow.ref not in self._workflows:
                for name in broken:
                    del self._broken[name]
                self._workflows[workflow.ref] = workflow
                self._secrecies = None
                refs = self._stems.setdefault(Path(workflow.file).stem, [])
                if workflow.ref not in refs:
                    refs.append(workflow.ref)
                _log.warning("definition_kept", workflow=workflow.ref, file=workflow.file)

    @staticmethod
    def _parse(path: Path) -> Workflow:
        try:
            if path.exists() and not path.is_file():
                raise UnknownWorkflow(f"{str(path)!r} is no file")
            if path.stat().st_size > MAX_FILE_BYTES:
                raise UnknownWorkflow(f"{str(path)!r} is larger than {MAX_FILE_BYTES:,} bytes, and so no definition")
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            place = Place(str(path), 1, 1)
            message = f"the file is no UTF-8 text: byte {error.start} cannot be read"
            raise InvalidDefinition([Finding("not_utf8", message, place)]) from None
        except OSError as error:
            raise UnknownWorkflow(f"cannot read the workflow {str(path)!r}: {error.strerror}") from None
        return read_workflow(text, str(path))

    def _check(self, workflow: Workflow) -> None:
        """Check that every action exists."""
        findings = list(self._unknown_actions(workflow))
        if findings:
            raise InvalidDefinition(findings)

    def _unknown_actions(self, workflow: Workflow) -> Iterable[Finding]:
        for task in workflow.tasks.values():
            if task.action is None or task.action in self._workflows:
                continue
            try:
                self._actions.get(task.action)
            except UnknownAction as error:
                yield Finding("unknown_action", str(error), task.action_place)
