"""One definition file: its text, the workflow in it, and its findings."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from stretto.definitions.dialects import Reader, Reading, is_trigger_document, read_with_findings
from stretto.definitions.errors import Finding, InvalidDefinition, Place, UnknownWorkflow
from stretto.definitions.model import Workflow
from stretto.definitions.rules import Rule, Trigger, check_rule, read_trigger
from stretto.definitions.source import ListNode, MapNode, Node, undecoded_place
from stretto.definitions.validation import KnownActions, examine_reading

if TYPE_CHECKING:
    from stretto.actors.packs import PackWorkflow

MAX_FILE_BYTES = 16 * 1024 * 1024
_CONFIG_KEYS = frozenset({"engine", "serve"})
_DEFINITION_KEYS = frozenset({"ref", "version", "tasks"})
_REHEARSAL_KEYS = frozenset({"workflow", "inputs", "keys", "script", "controls", "expect"})
RULE_KEYS = frozenset(
    {
        "workflow",
        "action",
        "task",
        "visit",
        "attempt",
        "item",
        "input",
        "route",
        "status",
        "result",
        "duration",
        "asks",
    }
)
"""The keys of a rehearsal's rules."""


def text_of(path: Path) -> str:
    """Return a definition file's text.

    Raises:
        UnknownWorkflow: The file cannot be read.
        InvalidDefinition: The file is not UTF-8 text.
    """
    try:
        if path.exists() and not path.is_file():
            raise UnknownWorkflow(f"{str(path)!r} is not a file")
        if path.stat().st_size > MAX_FILE_BYTES:
            raise UnknownWorkflow(f"a definition must have at most {MAX_FILE_BYTES:,} bytes, {str(path)!r} has more")
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InvalidDefinition([not_utf8(str(path), error)]) from None
    except OSError as error:
        raise UnknownWorkflow(f"cannot read the workflow {str(path)!r}: {error.strerror}") from None


def not_utf8(file: str, error: UnicodeDecodeError) -> Finding:
    """Return the finding that a file is not UTF-8 text, at the byte that cannot be read."""
    return Finding(
        "not_utf8", f"the file is not UTF-8 text: byte {error.start} cannot be read", undecoded_place(file, error)
    )


def _is_config_document(root: Node | None) -> bool:
    """Return whether a YAML document is a daemon's config file, which a project has beside its definitions."""
    return isinstance(root, MapNode) and "tasks" not in root.members and not _CONFIG_KEYS.isdisjoint(root.members)


def _is_runner_document(root: Node | None) -> bool:
    """Return whether a YAML document is StackStorm's description of its runners (`runner.yaml`)."""
    runners = root.members if isinstance(root, ListNode) else [root]
    return bool(runners) and all(isinstance(each, MapNode) and "runner_module" in each.members for each in runners)


def is_rehearsal_document(root: Node | None) -> bool:
    """Return whether a YAML document is a rehearsal file's, and not a definition's."""
    if not isinstance(root, MapNode) or not _DEFINITION_KEYS.isdisjoint(root.members):
        return False
    return not _REHEARSAL_KEYS.isdisjoint(root.members)


def is_script_document(root: Node | None) -> bool:
    """Return whether a YAML document is a script of `stretto rehearse --script`: a list of rules, and not of tasks."""
    return isinstance(root, ListNode) and bool(root.members) and all(map(_is_rule, root.members))


def _is_rule(node: Node) -> bool:
    return isinstance(node, MapNode) and "name" not in node.members and not RULE_KEYS.isdisjoint(node.members)


def duplicate_ref(definition: "Definition", taken_by: str) -> Finding:
    """Return the finding that another file has a definition's ref."""
    return Finding("duplicate_ref", f"the ref {definition.ref!r} is taken by {taken_by}", definition.ref_place)


def shadowed_ref(definition: "Definition") -> Finding:
    """Return the finding that an action has a definition's ref."""
    return Finding(
        "shadowed_ref", f"an action has the ref {definition.ref!r}, too: tasks that call it run the action",
        definition.ref_place, severity="warning", hint="give the workflow another ref",
    )  # fmt: skip


def _rehearsal_file(path: Path) -> Finding:
    place = Place(str(path), 1, 1)
    return Finding("rehearsal_file", "the file is for stretto rehearse, not a workflow", place)


class Definition:
    """A definition as it was read, whether it is valid or not.

    Attributes:
        path: The file.
        workflow: The workflow as far as it could be read, None if nothing could.
        findings: Errors and warnings, in the file's order. Until `examine`, only those of reading.
        is_rehearsal: Whether the file looks like a rehearsal file or a script. It has no workflow then.
        is_other: Whether the file looks like one of these, a daemon's config file, or StackStorm's `runner.yaml`.
        ref_place: The place of the ref, in the file or in the pack's file that describes the workflow.
        trigger: The rule or the webhook that the file is, in place of a workflow.
        is_trigger: Whether the file is a rule or a webhook, also one with errors.
    """

    __slots__ = (
        "_described",
        "_examined",
        "_reading",
        "findings",
        "is_other",
        "is_rehearsal",
        "is_trigger",
        "path",
        "ref_place",
        "trigger",
        "workflow",
    )

    def __init__(self, path: Path, reading: Reading, described: "PackWorkflow | None" = None) -> None:
        self.path = path
        self.is_rehearsal = is_rehearsal_document(reading.root) or is_script_document(reading.root)
        if self.is_rehearsal:
            reading = replace(reading, workflow=None, findings=(_rehearsal_file(path),))
        self._reading: Reading | None = None if self.is_rehearsal else reading
        self._described = described
        self.workflow = None if reading.workflow is None else self._completed(reading.workflow)
        self.findings = reading.findings
        self.is_trigger = is_trigger_document(reading.root)
        self.trigger: Trigger | None = None
        if self.is_trigger:
            reader = Reader(str(path))
            self.trigger = read_trigger(reader, reading.root)
            self.findings = (*self.findings, *reader.findings)
        self.is_other = self.is_rehearsal or _is_config_document(reading.root) or _is_runner_document(reading.root)
        self.ref_place = self._place_of_ref(reading.root)
        self._examined = False

    @property
    def file(self) -> str:
        """The path as findings show it."""
        return str(self.path)

    @property
    def ref(self) -> str | None:
        """The workflow's ref, if it could be read. A rule and a webhook have none."""
        if self._described is not None:
            return self._described.ref
        return None if self.workflow is None else self.workflow.ref

    @property
    def errors(self) -> list[Finding]:
        """The findings that make the definition unusable."""
        return [each for each in self.findings if each.severity == "error"]

    @property
    def warnings(self) -> list[Finding]:
        """The findings that leave the definition usable."""
        return [each for each in self.findings if each.severity != "error"]

    def calls(self) -> set[str | None]:
        """Return the refs that tasks call; None stands for one that an expression gives."""
        if isinstance(self.trigger, Rule):
            return {self.trigger.target}
        if self.workflow is None:
            return set()
        tasks = [task for task in self.workflow.tasks.values() if task.action is not None]
        return {None if task.action_expression is not None else task.action for task in tasks}

    def examine(self, known: KnownActions | None, *, shadowed: bool) -> None:
        """Find all errors and warnings. Findings of an earlier call stay.

        Args:
            known: What tasks can call.
            shadowed: Whether an action has the workflow's ref.
        """
        if self._reading is None:
            return
        found = examine_reading(self._reading, known, self._completed).findings
        if self.is_trigger:
            found = self.findings
        if isinstance(self.trigger, Rule) and known is not None:
            found = (*found, *check_rule(self.trigger, known))
        if self._described is not None:
            # The pack has a version.
            found = tuple(each for each in found if each.code != "missing_version")
        if shadowed:
            found = (*found, shadowed_ref(self))
        earlier = self.findings if self._examined else ()
        self.findings = tuple(sorted(dict.fromkeys((*earlier, *found)), key=_position))
        self._examined = True

    def release_document(self) -> None:
        """Free the YAML document. `examine` does nothing from now on."""
        self._reading = None

    def _place_of_ref(self, root: Node | None) -> Place:
        if self._described is not None:
            return self._described.place
        node = root.members.get("ref") if isinstance(root, MapNode) else None
        return Place(self.file, 1, 1, "ref") if node is None else node.place

    def _completed(self, workflow: Workflow) -> Workflow:
        return workflow if self._described is None else self._described.completed(workflow)


def _position(finding: Finding) -> tuple[int, int]:
    return finding.place.line, finding.place.column


def read_definition(path: Path, described: "PackWorkflow | None" = None) -> Definition:
    """Read a file. Raises as `text_of` does."""
    reading = read_with_findings(text_of(path), str(path))
    if reading.workflow is not None:
        reading = replace(reading, workflow=replace(reading.workflow, installed=True))
    return Definition(path, reading, described)


def unreadable(path: Path, error: InvalidDefinition | UnknownWorkflow, described: "PackWorkflow | None") -> Definition:
    """Return the definition of a file that has no readable text."""
    place = Place(str(path), 1, 1)
    findings = error.findings if isinstance(error, InvalidDefinition) else (Finding("not_readable", str(error), place),)
    return Definition(path, Reading(None, findings, None), described)
