"""Reading a definition in whichever dialect it is written: YAML text in, a `Workflow` out, or every finding at once."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace

from stretto.definitions.dialects.foreign import foreign
from stretto.definitions.dialects.native import read_native
from stretto.definitions.dialects.orquesta import read_orquesta
from stretto.definitions.dialects.reading import Reader
from stretto.definitions.dialects.recognition import is_orquesta
from stretto.definitions.errors import Finding, InvalidDefinition
from stretto.definitions.model import Workflow
from stretto.definitions.source import YAML_1_1, Node, compose

MAX_FINDINGS = 200


@dataclass(frozen=True, slots=True)
class Reading:
    """What came of reading a text: the workflow as far as it could be read, every finding, and the document."""

    workflow: Workflow | None
    findings: tuple[Finding, ...]
    root: Node | None

    def usable(self) -> Workflow:
        """Return the workflow. Raises `InvalidDefinition` with every error, if there are any."""
        errors = [finding for finding in self.findings if finding.severity == "error"]
        if errors or self.workflow is None:
            raise InvalidDefinition(in_order(dict.fromkeys(errors)))
        return self.workflow


def read_workflow(text: str, file: str) -> Workflow:
    """Return the workflow that `text` defines; `file` names it in findings, and its stem is the default ref.

    Raises `InvalidDefinition` with every error of the file.
    """
    return read_with_findings(text, file).usable()


def read_with_findings(text: str, file: str) -> Reading:
    """Read a text whatever is wrong with it: what could be read, with all that was found."""
    reader = Reader(file)
    root = compose(text, file, reader.report)
    other = foreign(root) if root is not None else None
    if other is not None:
        return Reading(None, (*reader.findings, other), root)
    if root is not None and is_orquesta(root):
        return read_as_orquesta(text, file)
    workflow = read_native(reader, root) if root is not None else None
    return Reading(_with_text(workflow, text), tuple(reader.findings), root)


def read_as_orquesta(text: str, file: str, context: Collection[str] = ()) -> Reading:
    """Read a text as an Orquesta definition, whatever it looks like; `context` are names that runs are given."""
    reader = Reader(file)
    root = compose(text, file, reader.report, YAML_1_1)
    workflow = read_orquesta(reader, root, context) if root is not None else None
    return Reading(_with_text(workflow, text), tuple(_told_once("missing_extra", reader.findings)), root)


def _with_text(workflow: Workflow | None, text: str) -> Workflow | None:
    return None if workflow is None else replace(workflow, text=text)


def _told_once(code: str, findings: Iterable[Finding]) -> Iterator[Finding]:
    """Yield findings, of those with this code only the first: they say the same of the whole file."""
    told = False
    for finding in findings:
        if finding.code != code or not told:
            yield finding
        told = told or finding.code == code


def in_order(findings: Iterable[Finding]) -> list[Finding]:
    """Return findings in the file's order; of very many, the first ones and how many more there are."""
    told = sorted(findings, key=lambda each: (each.place.line, each.place.column))
    if len(told) > MAX_FINDINGS:
        first = told[MAX_FINDINGS]
        more = f"{len(told) - MAX_FINDINGS:,} more {first.severity}s are not told"
        told[MAX_FINDINGS:] = [Finding(f"more_{first.severity}s", more, first.place, severity=first.severity)]
    return told
