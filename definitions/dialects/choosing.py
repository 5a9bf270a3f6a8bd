"""Recognizes a definition's dialect and reads it into a `Workflow`, or reports all findings at once."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

from stretto.definitions.dialects.chain import is_chain, read_chain
from stretto.definitions.dialects.foreign import find_foreign_language
from stretto.definitions.dialects.native import read_native
from stretto.definitions.dialects.orquesta import read_orquesta
from stretto.definitions.dialects.reading import MAX_FINDINGS, Reader
from stretto.definitions.dialects.recognition import is_orquesta, is_stackstorm_rule, is_trigger_document
from stretto.definitions.errors import Finding, InvalidDefinition
from stretto.definitions.model import ST2, Workflow
from stretto.definitions.source import YAML_1_1, YAML_1_1_OF_PACKS, Node, TooMuchWork, Work, compose


@dataclass(frozen=True, slots=True)
class Reading:
    """The result of reading a definition.

    Attributes:
        workflow: The workflow, without the parts that could not be read. None if nothing could be read, and for a
            document that is a rule or a webhook.
        findings: All errors and warnings.
        root: The YAML document, or None if it could not be parsed.
    """

    workflow: Workflow | None
    findings: tuple[Finding, ...]
    root: Node | None

    def usable(self) -> Workflow:
        """Return the workflow, or raise `InvalidDefinition` with all errors."""
        errors = [finding for finding in self.findings if finding.severity == "error"]
        if errors or self.workflow is None:
            raise InvalidDefinition(in_order(dict.fromkeys(errors)))
        return self.workflow


def read_workflow(text: str, file: str) -> Workflow:
    """Read a workflow definition in either dialect.

    Args:
        text: The YAML text.
        file: The file's path. Findings name it, and its stem is the default ref.

    Returns:
        The workflow, with warnings in `Workflow.warnings`.

    Raises:
        InvalidDefinition: The definition has errors. All of them are listed.
    """
    return read_with_findings(text, file).usable()


def read_with_findings(text: str, file: str, work: Work | None = None) -> Reading:
    """Read a definition in either dialect without raising.

    Args:
        text: The YAML text.
        file: The file's path for findings.
        work: Counts the work. A definition that takes more than it allows is not read.

    Returns:
        The workflow as far as it could be read, with all findings.
    """
    work = work or Work()
    try:
        return _read(text, file, work)
    except TooMuchWork as error:
        return Reading(None, (error.finding,), None)


def _read(text: str, file: str, work: Work) -> Reading:
    reader = Reader(file, work)
    root = compose(text, file, reader.report, work=work)
    other = find_foreign_language(root) if root is not None else None
    if other is not None:
        return Reading(None, (*reader.findings, other), root)
    if is_trigger_document(root):
        return _read_as_trigger(text, file, root, reader.findings, work)
    if root is not None and is_chain(root):
        return _read_as_chain(text, file, work)
    if root is not None and is_orquesta(root):
        return _read_as_orquesta(text, file, (), work)
    workflow = read_native(reader, root) if root is not None else None
    return Reading(_with_text(workflow, text), tuple(reader.findings), root)


def read_as_orquesta(text: str, file: str, context: Collection[str] = ()) -> Reading:
    """Read a definition as Orquesta without recognizing its dialect.

    Args:
        text: The YAML text.
        file: The file's path for findings.
        context: The names of variables that runs get in addition to their inputs.

    Returns:
        The workflow as far as it could be read, with all findings.
    """
    return _read_as_orquesta(text, file, context, Work())


def _read_as_orquesta(text: str, file: str, context: Collection[str], work: Work) -> Reading:
    reader = Reader(file, work)
    root = compose(text, file, reader.report, YAML_1_1, work)
    workflow = read_orquesta(reader, root, (ST2, *context)) if root is not None else None
    return Reading(_with_text(workflow, text), tuple(reader.findings), root)


def _read_as_trigger(text: str, file: str, root: Node | None, findings: list[Finding], work: Work) -> Reading:
    """Return the document of a rule or a webhook, which another room reads."""
    if not is_stackstorm_rule(root):
        return Reading(None, tuple(findings), root)
    reader = Reader(file, work)
    root = compose(text, file, reader.report, YAML_1_1_OF_PACKS, work)
    return Reading(None, tuple(reader.findings), root)


def _read_as_chain(text: str, file: str, work: Work) -> Reading:
    reader = Reader(file, work)
    root = compose(text, file, reader.report, YAML_1_1, work)
    workflow = read_chain(reader, root) if root is not None else None
    return Reading(_with_text(workflow, text), tuple(reader.findings), root)


def _with_text(workflow: Workflow | None, text: str) -> Workflow | None:
    return None if workflow is None else replace(workflow, text=text)


def in_order(findings: Iterable[Finding]) -> list[Finding]:
    """Return findings in the file's order, at most `MAX_FINDINGS` and the number of those left out."""
    ordered = sorted(findings, key=lambda each: (each.place.line, each.place.column))
    if len(ordered) > MAX_FINDINGS:
        first = ordered[MAX_FINDINGS]
        more = f"{len(ordered) - MAX_FINDINGS:,} more {first.severity}s are not shown"
        ordered[MAX_FINDINGS:] = [Finding(f"more_{first.severity}s", more, first.place, severity=first.severity)]
    return ordered
