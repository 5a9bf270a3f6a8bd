"""The definitions that an engine knows, by ref; and those that are named by a file's path."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from stretto.actors.actions import ActionRegistry
from stretto.actors.catalogue.callables import ActionsAndWorkflows, parameters_by_ref
from stretto.actors.catalogue.secret_flow import secrecies_of, secrecy_among
from stretto.actors.locating import SUFFIXES, definition_files, packs_below
from stretto.actors.packs import Pack, PackWorkflow, findings_of
from stretto.definitions.context import NO_SECRECY, Secrecy
from stretto.definitions.dialects import in_order, read_with_findings
from stretto.definitions.errors import Finding, InvalidDefinition, Place, UnknownWorkflow, nearest
from stretto.definitions.model import Workflow
from stretto.definitions.source import Node
from stretto.definitions.validation import KnownActions, check
from stretto.metrics import get_logger

MAX_FILE_BYTES = 16 * 1024 * 1024
_log = get_logger("stretto.catalogue")


@dataclass(frozen=True, slots=True)
class _Read:
    """A definition as its reader left it: `root` is its document, `warnings` what the reader found doubtful."""

    workflow: Workflow
    root: Node | None
    warnings: tuple[Finding, ...]


class Catalogue:
    """Workflows by ref. A file that cannot be used is told when somebody asks for it; the others are there.

    What surely fails is refused here, as `stretto validate` tells it; what is only doubtful goes to the log.
    `earlier` is a catalogue that this one replaces: a file that is refused now, and was not then, stands for what it
    was, and what its log has told of a file is not told again.
    """

    def __init__(self, actions: ActionRegistry, earlier: "Catalogue | None" = None) -> None:
        self.actions = actions
        self._workflows: dict[str, Workflow] = {}
        self._nested: frozenset[str] | None = None
        self._stems: dict[str, list[str]] = {}
        self._broken: dict[str, InvalidDefinition] = {}
        self._conflicts: dict[str, InvalidDefinition] = {}
        self._unchecked: dict[str, _Read] = {}
        self._to_keep = dict(earlier._workflows) if earlier is not None else {}  # noqa: SLF001 - of its own kind
        self._warned: dict[str, list[str]] = dict(earlier._warned) if earlier is not None else {}  # noqa: SLF001 - as above
        self._secrecies: Mapping[str, Secrecy] | None = None

    def load(self, *folders: str | Path) -> None:
        """Read every definition in folders and those below them, but for packs: they have files of other kinds, too.

        Raises `UnknownWorkflow` when there is no such folder.
        """
        for folder in map(Path, folders):
            if not folder.is_dir():
                raise UnknownWorkflow(f"there is no folder of definitions {str(folder)!r}")
            packs = packs_below(folder)
            for path in definition_files(folder):
                if not any(path.is_relative_to(pack) for pack in packs):
                    self._load_file(path)
        self._keep_earlier()
        # Workflows may call each other: which refs there are is known only now.
        known = self._known()
        for ref, read in self._unchecked.items():
            try:
                self._check(read, known)
            except InvalidDefinition as error:
                self._withdraw(ref)
                self._refuse(ref, read.workflow.file, error)
        self._unchecked = {}
        self._keep_earlier()
        self._to_keep = {}

    def _refuse(self, name: str, file: str, error: InvalidDefinition) -> None:
        _log.warning("definition_refused", file=file, findings=[str(each) for each in error.findings])
        self.actions.refuse(name, f"the workflow of that ref cannot be used: {error.findings[0]}")
        self._broken[name] = error
        self._broken[Path(file).stem] = error

    def _withdraw(self, ref: str) -> None:
        file = Path(self._workflows.pop(ref).file)
        self._nested = self._secrecies = None
        self._stems[file.stem].remove(ref)

    def _load_file(self, path: Path) -> None:
        try:
            read = self._read(path)
        except InvalidDefinition as error:
            self._refuse(path.stem, str(path), error)
            return
        except UnknownWorkflow as error:
            _log.warning("definition_unreadable", file=str(path), reason=str(error))
            return
        self._add(read)

    def add_pack(self, pack: Pack) -> None:
        """Add a pack's workflows, and log what is refused and doubtful in the pack, once for as long as it stays so.

        The workflows can be found at once, and are checked by `load`.
        """
        manifest = pack.manifest
        findings = findings_of(pack, self.actions)
        for finding in findings:
            if str(finding) not in self._warned.get(manifest.place.file, ()):
                event = "action_refused" if finding.severity == "error" else "pack_doubtful"
                _log.warning(event, pack=manifest.ref, finding=str(finding))
        self._warned[manifest.place.file] = [str(each) for each in findings]
        for described in pack.workflows:
            self._add_of_pack(described)

    def _add_of_pack(self, described: PackWorkflow) -> None:
        try:
            read = self._read(described.path)
        except (InvalidDefinition, UnknownWorkflow) as error:
            findings = getattr(error, "findings", (Finding("unreadable", str(error), described.place),))
            self._refuse(described.ref, str(described.path), InvalidDefinition(findings))
            return
        # That the graph's file says no version is no matter: its pack has one.
        warnings = tuple(each for each in read.warnings if each.code != "missing_version")
        self._add(replace(read, workflow=described.completed(read.workflow), warnings=warnings))

    def _add(self, read: _Read) -> None:
        workflow = read.workflow
        path = Path(workflow.file)
        earlier = self._workflows.get(workflow.ref)
        if earlier is not None:
            place = Place(str(path), 1, 1, "ref")
            message = f"the ref {workflow.ref!r} is taken by {earlier.file}"
            self._conflicts[workflow.ref] = InvalidDefinition([Finding("duplicate_ref", message, place)])
            return
        self._enter(workflow)
        self._unchecked[workflow.ref] = read

    def _enter(self, workflow: Workflow) -> None:
        self._workflows[workflow.ref] = workflow
        self._nested = self._secrecies = None
        refs = self._stems.setdefault(Path(workflow.file).stem, [])
        if workflow.ref not in refs:
            refs.append(workflow.ref)

    def _keep_earlier(self) -> None:
        """Have files that are refused now, and were not earlier, stand for what they were then."""
        for workflow in self._to_keep.values():
            broken = [name for name, error in self._broken.items() if error.findings[0].place.file == workflow.file]
            if broken and workflow.ref not in self._workflows:
                for name in broken:
                    del self._broken[name]
                self._enter(workflow)
                _log.warning("definition_kept", workflow=workflow.ref, file=workflow.file)

    def refs(self) -> tuple[str, ...]:
        """Return all refs, sorted."""
        return tuple(sorted(self._workflows))

    def find(self, name: str) -> Workflow:
        """Return the workflow of a ref, of a file's name without its ending, or of a file's path.

        Raises `UnknownWorkflow` (with the nearest ref) or `InvalidDefinition` (with every finding).
        """
        path = Path(name)
        if path.suffix in SUFFIXES or "/" in name:
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
        hint = self.actions.refused.get(name) or nearest(name, (*self._workflows, *self._stems))
        known = f"; {hint}" if hint else f"; known: {', '.join(self.refs()) or 'none'}"
        raise UnknownWorkflow(f"there is no workflow {name!r}{known}")

    def nested_refs(self) -> frozenset[str]:
        """Return the refs that workflows perform; an action of the same ref comes first."""
        if self._nested is None:
            self._nested = frozenset(ref for ref in self._workflows if ref not in self.actions)
        return self._nested

    def secrecy_of(self, workflow: Workflow) -> Secrecy:
        """Return what a workflow gives to secret parameters of actions and of other workflows."""
        if self._secrecies is None:
            self._secrecies = secrecies_of(self._workflows, self.actions)
        if self._workflows.get(workflow.ref) is workflow:
            return self._secrecies.get(workflow.ref, NO_SECRECY)
        return secrecy_among(workflow, self._secrecies, self._workflows, self.actions)

    def read(self, path: Path) -> Workflow:
        """Read a file. Raises `UnknownWorkflow` when it cannot be read, `InvalidDefinition` when it is wrong."""
        read = self._read(path)
        self._check(read, self._known())
        return read.workflow

    def read_text(self, text: str, file: str) -> Workflow:
        """Read a definition's text; `file` is only told in findings. Raises `InvalidDefinition` when it is wrong."""
        read = _read_text(text, file)
        # What is doubtful in a client's own text is not the operator's to mend: it is not logged.
        _warnings_of(read, self._known())
        return read.workflow

    def _known(self) -> KnownActions | None:
        return ActionsAndWorkflows(self.actions, parameters_by_ref(self._workflows))

    @staticmethod
    def _read(path: Path) -> _Read:
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
        return _read_text(text, str(path))

    def _check(self, read: _Read, known: KnownActions | None) -> None:
        """Refuse what surely fails (`InvalidDefinition`); log what is doubtful, once for as long as it stays so."""
        file = read.workflow.file
        told = [str(each) for each in _warnings_of(read, known)]
        if not told:
            self._warned.pop(file, None)
        elif self._warned.get(file) != told:
            self._warned[file] = told
            _log.warning("definition_doubtful", file=file, findings=told)


def _read_text(text: str, file: str) -> _Read:
    reading = read_with_findings(text, file)
    errors = _of_severity("error", reading.findings)
    if errors or reading.workflow is None:
        raise InvalidDefinition(errors)
    return _Read(reading.workflow, reading.root, tuple(_of_severity("warning", reading.findings)))


def _warnings_of(read: _Read, known: KnownActions | None) -> list[Finding]:
    """Raise `InvalidDefinition` with all that surely fails; return what is only doubtful."""
    found = (*read.warnings, *check(read.workflow, known, read.root))
    errors = _of_severity("error", found)
    if errors:
        raise InvalidDefinition(errors)
    return _of_severity("warning", found)


def _of_severity(severity: str, findings: Iterable[Finding]) -> list[Finding]:
    return in_order(each for each in findings if each.severity == severity)
