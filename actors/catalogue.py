"""The definitions that an engine knows, by ref; and those that are named by a file's path."""

from collections.abc import Iterable
from pathlib import Path

from stretto.actors.actions import ActionRegistry, UnknownAction
from stretto.definitions.dialects import read_workflow
from stretto.definitions.errors import Finding, InvalidDefinition, Place, UnknownWorkflow, nearest
from stretto.definitions.model import Workflow
from stretto.metrics import get_logger

_SUFFIXES = frozenset({".yaml", ".yml"})
_log = get_logger("stretto.catalogue")


class Catalogue:
    """Workflows by ref. A file that cannot be used is told when somebody asks for it; the others are there."""

    def __init__(self, actions: ActionRegistry) -> None:
        self._actions = actions
        self._workflows: dict[str, Workflow] = {}
        self._stems: dict[str, list[str]] = {}
        self._broken: dict[str, InvalidDefinition] = {}

    def load(self, folder: str | Path) -> None:
        """Read every definition in a folder and those below it. `UnknownWorkflow` when there is no such folder."""
        folder = Path(folder)
        if not folder.is_dir():
            raise UnknownWorkflow(f"there is no folder of definitions {str(folder)!r}")
        for path in sorted(folder.rglob("*")):
            if path.suffix in _SUFFIXES and path.is_file():
                self._load_file(path)
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
        earlier = self._workflows.get(workflow.ref)
        if earlier is not None:
            place = Place(str(path), 1, 1, "ref")
            message = f"the ref {workflow.ref!r} is taken by {earlier.file}"
            self._broken[workflow.ref] = InvalidDefinition([Finding("duplicate_ref", message, place)])
            return
        self._workflows[workflow.ref] = workflow
        self._stems.setdefault(path.stem, []).append(workflow.ref)

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
        if name in self._broken:
            raise self._broken[name]
        if name in self._workflows:
            return self._workflows[name]
        refs = self._stems.get(name, [])
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

    def read(self, path: Path) -> Workflow:
        """Read a file. Raises `UnknownWorkflow` when it cannot be read, `InvalidDefinition` when it is wrong."""
        workflow = self._parse(path)
        self._check(workflow)
        return workflow

    @staticmethod
    def _parse(path: Path) -> Workflow:
        try:
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
