"""Errors in definitions, inputs and expressions.

`StrettoError` is the base of all errors that Stretto raises deliberately. Each has a stable `code`. An error that
points into a file has a `Place`.
"""

import difflib
import itertools
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Place:
    """A position in a definition.

    Attributes:
        file: The file's path, as it was given.
        line: The line, counted from 1.
        column: The column, counted from 1.
        path: The path within the document, e.g. `tasks[0].retry`.
    """

    file: str
    line: int
    column: int
    path: str = ""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"

    def as_json(self) -> dict[str, str | int]:
        """Return {file, line, column}, as outcomes report a place."""
        return {"file": self.file, "line": self.line, "column": self.column}


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame of a traceback in the code of an action.

    Attributes:
        file: The path of the Python file.
        line: The line, counted from 1.
        function: The function's name.
        code: The line's text, or "" if it is not known.
    """

    file: str
    line: int
    function: str
    code: str = ""

    def __str__(self) -> str:
        code = f": {self.code}" if self.code else ""
        return f"{self.file}:{self.line} in {self.function}{code}"


@dataclass(frozen=True, slots=True)
class Finding:
    """An error or a warning about one place in a definition.

    Attributes:
        code: A stable code for programs.
        message: The problem, in one sentence.
        place: The position in the file.
        found: The value at that position.
        expected: The values that are valid there.
        hint: The fix, often the nearest valid name.
        severity: `error` or `warning`.
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

    def as_json(self) -> dict[str, str | int]:
        """Return {code, severity, message, file, line, column, path, found, expected, hint}."""
        place = self.place
        return {
            "code": self.code, "severity": self.severity, "message": self.message, **place.as_json(),
            "path": place.path, "found": self.found, "expected": self.expected, "hint": self.hint,
        }  # fmt: skip


class StrettoError(Exception):
    """The base of all errors that Stretto raises deliberately."""

    code = "error"


class LimitReached(StrettoError):
    """As much is there as may be.

    Attributes:
        setting: The name of the limit: that of its setting, or of its constant. It is empty in a client.
        most: What it allows, or None in a client.
    """

    def __init__(self, message: str, setting: str = "", most: int | None = None) -> None:
        self.setting = setting
        self.most = most
        super().__init__(message)


class InvalidDefinition(StrettoError):
    """A definition has errors; `findings` lists all of them in the file's order."""

    code = "invalid_definition"

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.findings = tuple(findings)
        super().__init__("\n".join(map(str, self.findings)))

    def __reduce__(self) -> tuple[type["InvalidDefinition"], tuple[tuple[Finding, ...]]]:
        return type(self), (self.findings,)


class UnknownWorkflow(StrettoError):
    """No workflow has the given ref or path."""

    code = "unknown_workflow"


class InvalidInput(StrettoError):
    """An input does not match the workflow's parameters; `problems` lists each mismatch."""

    code = "invalid_input"

    def __init__(self, workflow: str, problems: Iterable[str]) -> None:
        self.workflow = workflow
        self.problems = tuple(problems)
        super().__init__(f"invalid input for {workflow}: {'; '.join(self.problems)}")

    def __reduce__(self) -> tuple[type["InvalidInput"], tuple[str, tuple[str, ...]]]:
        return type(self), (self.workflow, self.problems)


class NotData(StrettoError, TypeError):
    """A value is not JSON-like and cannot enter the context; the message names its path."""

    code = "not_data"


class LimitExceeded(StrettoError):
    """A limit was exceeded; the message names the limit, the value and the setting."""

    code = "limit_exceeded"


class ExpressionError(StrettoError):
    """An expression failed.

    Attributes:
        expression: The expression's source.
        place: The position of the expression in its file.
        reason: The cause of the failure.
        hint: The fix, or "".
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
        """The reason with its hint, for records that store expression and place separately."""
        return f"{self.reason}; {self.hint}" if self.hint else self.reason

    def __reduce__(self) -> tuple[type["ExpressionError"], tuple[str, Place, str, str]]:
        return type(self), (self.expression, self.place, self.reason, self.hint)


class UnfitValue(ExpressionError):
    """An expression gave a value of a type that its place does not accept."""

    code = "wrong_type"


class ExpressionLimitExceeded(ExpressionError):
    """An expression exceeded a limit of an evaluation."""

    code = "limit_exceeded"


MAX_NAMES_COMPARED = 1000
"""Names to compare at most: comparing more would take longer than a hint is worth."""


def nearest(name: str, known: Iterable[str]) -> str:
    """Return "did you mean 'x'?" for the known name nearest to `name`.

    Args:
        name: The unknown name.
        known: The valid names.

    Returns:
        The hint, or "" if no name is near or there are more than `MAX_NAMES_COMPARED`.
    """
    others = [each for each in itertools.islice(known, MAX_NAMES_COMPARED + 1) if each != name]
    if len(others) > MAX_NAMES_COMPARED or len(name) > 100:
        return ""
    matches = difflib.get_close_matches(name, others, n=1, cutoff=0.6)
    if not matches:  # a name in the other case shares no letter with the known one
        folded = {each.casefold(): each for each in others}
        matches = [folded[each] for each in difflib.get_close_matches(name.casefold(), folded, n=1, cutoff=0.6)]
    return f"did you mean {matches[0]!r}?" if matches else ""


def refused_choice(what: str, known: Collection[str], given: str) -> str:
    """Return that a value must be one of a few, what was found, and the nearest one."""
    hint = nearest(given, known)
    return f"{what} must be one of {', '.join(known)}, got {given[:100]!r}" + (f"; {hint}" if hint else "")


MAX_NAMES_SHOWN = 10


def names_there(names: Iterable[str]) -> str:
    """Return "there are: a, b" for the first few names of a scope, sorted and shortened.

    Return "" if there are more than `MAX_NAMES_COMPARED`: sorting them would take too long.
    """
    some = list(itertools.islice(names, MAX_NAMES_COMPARED + 1))
    if len(some) > MAX_NAMES_COMPARED:
        return ""
    first = sorted(some)
    shown = [name if len(name) <= 40 else f"{name[:37]}..." for name in first[:MAX_NAMES_SHOWN]]
    more = ", ..." if len(first) > MAX_NAMES_SHOWN else ""
    return f"there are: {', '.join(shown)}{more}" if shown else ""
