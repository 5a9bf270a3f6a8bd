"""What can be wrong with a definition, an input or an expression, told so that its author can mend it.

`StrettoError` is the root of every error that Stretto raises on purpose. An error carries a stable `code`;
whatever points into a file carries a `Place`.
"""

import difflib
import itertools
from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Place:
    """A spot in a definition. `line` and `column` count from 1; `path` is the way to it in the document."""

    file: str
    line: int
    column: int
    path: str = ""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"

    def as_json(self) -> dict[str, str | int]:
        """Return {file, line, column}, the form in which an outcome tells a place."""
        return {"file": self.file, "line": self.line, "column": self.column}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong (or, as a warning, doubtful) in a definition.

    `code` is stable and made for machines; `found` and `expected` say what stands there and what could;
    `hint` names the remedy, often the nearest valid name.
    """

    code: str
    message: str
    place: Place
    found: str = ""
    expected: str = ""
    hint: str = ""
    severity: str = field(default="error")

    def __str__(self) -> str:
        path = f" ({self.place.path})" if self.place.path else ""
        details = [f"found {self.found}"] if self.found else []
        details += [f"expected {self.expected}"] if self.expected else []
        details += [self.hint] if self.hint else []
        tail = f"; {'; '.join(details)}" if details else ""
        return f"{self.place}: {self.severity}: {self.message}{tail} [{self.code}]{path}"


class StrettoError(Exception):
    """The base of every error that Stretto raises on purpose."""

    code = "error"


class InvalidDefinition(StrettoError):
    """A definition cannot be used; `findings` lists every error of the file, in the file's order."""

    code = "invalid_definition"

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.findings = tuple(findings)
        super().__init__("\n".join(map(str, self.findings)))

    def __reduce__(self) -> tuple[type["InvalidDefinition"], tuple[tuple[Finding, ...]]]:
        return type(self), (self.findings,)


class UnknownWorkflow(StrettoError):
    """No workflow of that ref (or file of that path) is known."""

    code = "unknown_workflow"


class InvalidInput(StrettoError):
    """A run request's input does not fit the workflow's parameters; `problems` names each."""

    code = "invalid_input"

    def __init__(self, workflow: str, problems: Iterable[str]) -> None:
        self.workflow = workflow
        self.problems = tuple(problems)
        super().__init__(f"invalid input for {workflow}: {'; '.join(self.problems)}")

    def __reduce__(self) -> tuple[type["InvalidInput"], tuple[str, tuple[str, ...]]]:
        return type(self), (self.workflow, self.problems)


class NotData(StrettoError, TypeError):
    """A value that is not JSON-like tried to enter the context; the message names its path."""

    code = "not_data"


class LimitExceeded(StrettoError):
    """A bound was hit; the message names the limit, the value, and what sets it."""

    code = "limit_exceeded"


class ExpressionError(StrettoError):
    """An expression could not be evaluated.

    Attributes: `expression` (its source), `place` (where it stands), `reason` (what was wrong), `hint`.
    """

    code = "expression_error"

    def __init__(self, expression: str, place: Place, reason: str, hint: str = "") -> None:
        self.expression = expression
        self.place = place
        self.reason = reason
        self.hint = hint
        super().__init__(f"{place}: {reason} in {expression!r}" + (f"; {hint}" if hint else ""))

    @property
    def explanation(self) -> str:
        """The reason with its hint, for a record that tells expression and place apart."""
        return f"{self.reason}; {self.hint}" if self.hint else self.reason

    def __reduce__(self) -> tuple[type["ExpressionError"], tuple[str, Place, str, str]]:
        return type(self), (self.expression, self.place, self.reason, self.hint)


class UnfitValue(ExpressionError):
    """An expression could be evaluated, and its value is of a kind that its place does not take."""

    code = "wrong_type"


MAX_NAMES_COMPARED = 1000
"""Names among which the nearest is looked for: more of them would take longer than the hint is worth."""


def nearest(name: str, known: Iterable[str]) -> str:
    """Return "did you mean 'x'?" for the known name nearest to `name`, or "" if none is near."""
    others = [each for each in itertools.islice(known, MAX_NAMES_COMPARED + 1) if each != name]
    if len(others) > MAX_NAMES_COMPARED or len(name) > 100:
        return ""
    matches = difflib.get_close_matches(name, others, n=1, cutoff=0.6)
    return f"did you mean {matches[0]!r}?" if matches else ""


MAX_NAMES_TOLD = 10


def names_there(names: Iterable[str]) -> str:
    """Return "there are: a, b" for the names of a scope, the first few of them in order, each of bounded length.

    Of very many, nothing: putting them in order would take longer than that is worth.
    """
    some = list(itertools.islice(names, MAX_NAMES_COMPARED + 1))
    if len(some) > MAX_NAMES_COMPARED:
        return ""
    first = sorted(some)
    told = [name if len(name) <= 40 else f"{name[:37]}..." for name in first[:MAX_NAMES_TOLD]]
    more = ", ..." if len(first) > MAX_NAMES_TOLD else ""
    return f"there are: {', '.join(told)}{more}" if told else ""
