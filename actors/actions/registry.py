"""Actions by name: the decorator that registers them, and the registry that finds and loads them.

Registration goes to one table of the process, so that importing a module is enough to make its actions known.
"""

import inspect
import re
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import FunctionType
from typing import Any, Final, Literal, TypeAlias, TypeVar

from stretto.actors.actions.errors import DuplicateAction, InvalidAction, InvalidActionInput, UnknownAction
from stretto.actors.actions.loading import load_actions
from stretto.actors.actions.schema import ANY, ActionParameter, first_paragraph, read_signature
from stretto.definitions.context import Fields
from stretto.definitions.data import FrozenDict, FrozenList
from stretto.definitions.errors import nearest
from stretto.definitions.model import CoreActions

RunnerName: TypeAlias = Literal["inline", "thread", "async"]
RenderedCommands: TypeAlias = Literal["refuse", "allow"]
"""Whether definitions of Orquesta's may put expressions into a text that a shell reads."""
Function = TypeVar("Function", bound=Callable[..., Any])

_REF = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)+")
_PYTHON_TYPES: Final[Mapping[str, frozenset[type]]] = {
    "string": frozenset({str}),
    "integer": frozenset({int}),
    "number": frozenset({int, float}),
    "boolean": frozenset({bool}),
    "array": frozenset({list, FrozenList, tuple}),
    "object": frozenset((dict, FrozenDict)),
}
_SUBCLASSES: Final[Mapping[str, type | tuple[type, ...]]] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "array": (list, tuple),
    "object": Mapping,
}
_LITERAL: Final = {"core.local": frozenset({"cmd"})}
NOT_IN_STRETTO: Final[Mapping[str, str]] = {
    "core.announcement": "Stretto broadcasts nothing: write an action of your own, or core.http to what listens",
    "core.ask": "Stretto has no inquiries: end the workflow, and start another one when the answer is there",
    "core.inject_trigger": "Stretto has no triggers: call the workflow that a rule would start as an action",
    "core.local_sudo": "write core.local with sudo in the command: {cmd: sudo -n ...}",
    "core.remote": "write core.local with ssh in argv: {argv: [ssh, -o, BatchMode=yes, HOST, COMMAND]}",
    "core.remote_sudo": "write core.local with ssh in argv: {argv: [ssh, -o, BatchMode=yes, HOST, sudo -n COMMAND]}",
    "core.sendmail": "write core.local with the machine's mail program in argv, or core.http to a mail service",
    "core.winrm_cmd": "Stretto speaks no WinRM: write an action of your own in Python",
    "core.winrm_ps_cmd": "Stretto speaks no WinRM: write an action of your own in Python",
}
"""Actions of StackStorm's core pack that there are none of here, with what to write instead."""
_NAMES: Final[tuple[tuple[type | tuple[type, ...], str], ...]] = (
    (bool, "boolean"),
    (int, "integer"),
    (float, "number"),
    (str, "string"),
    ((list, tuple), "array"),
    (Mapping, "object"),
)


@dataclass(frozen=True, slots=True, eq=False)
class Action:
    """A function under the name by which workflows call it.

    `runner` says where it runs: "inline" on the caller's thread (the core's own that cannot wait), "thread"
    (a plain function), "async" (a coroutine function). `takes_anything`: the function has **kwargs.
    `problems_of` says what else is wrong with an input whose types fit. `origin` is the file of an action that is
    no function of a module's. `secret` tells what of the input is told nowhere. `literal` names inputs that are code:
    what a definition computes must not become part of them.
    """

    ref: str
    function: Callable[..., Any]
    runner: RunnerName
    parameters: tuple[ActionParameter, ...] = ()
    takes_anything: bool = False
    description: str = ""
    problems_of: Callable[[Mapping[str, Any]], list[str]] | None = None
    origin: str = ""
    secret: frozenset[Fields] = frozenset()
    literal: frozenset[str] = frozenset()
    _required: frozenset[str] = field(init=False, repr=False)
    _accepted: dict[str, frozenset[type] | None] = field(init=False, repr=False)
    _enums: dict[str, tuple[Any, ...]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        required = frozenset(parameter.name for parameter in self.parameters if parameter.required)
        object.__setattr__(self, "_required", required)
        object.__setattr__(self, "_accepted", {p.name: _accepted_types(p) for p in self.parameters})
        object.__setattr__(self, "_enums", {p.name: p.enum for p in self.parameters if p.enum})

    @property
    def place(self) -> str:
        """Where the function stands, for messages: module, name, and file with line."""
        if self.origin:
            return self.origin
        code = getattr(inspect.unwrap(self.function), "__code__", None)
        where = f" ({code.co_filename}:{code.co_firstlineno})" if code else ""
        return f"{self.function.__module__}.{self.function.__qualname__}{where}"

    def check(self, values: Mapping[str, Any]) -> None:
        """Raise `InvalidActionInput`, which names all that is wrong, unless `values` fit the parameters.

        Types are strict: a boolean is no integer; an integer will do for a number; null will do for a
        parameter that is optional or whose default is null.
        """
        # Every item passes here: one look-up a value (0.4 us in all), and words only for what does not fit.
        accepted = self._accepted
        for name, value in values.items():
            try:
                types = accepted[name]
            except KeyError:
                if self.takes_anything:
                    continue
                break
            if types is not None and type(value) not in types:
                break
        else:
            if self._required <= values.keys() and not self._enums and self.problems_of is None:
                return
        if problems := self._problems(values):
            raise InvalidActionInput(self.ref, problems)

    def _problems(self, values: Mapping[str, Any]) -> list[str]:
        problems = [
            f"{parameter.name} is missing ({_expected(parameter)})"
            for parameter in self.parameters
            if parameter.required and parameter.name not in values
        ]
        known = {parameter.name: parameter for parameter in self.parameters}
        for name, value in values.items():
            if parameter := known.get(name):
                if not _fits(parameter, value):
                    problems.append(f"{name} must be {_expected(parameter)}, not {_told(value)}")
            elif not self.takes_anything:
                problems.append(f"{name} is unknown{_hint(name, known)}")
        if not problems and self.problems_of is not None:
            problems = self.problems_of(values)
        return problems


def _accepted_types(parameter: ActionParameter) -> frozenset[type] | None:
    if parameter.type == ANY and parameter.nullable:
        return None
    types = _PYTHON_TYPES.get(parameter.type) or frozenset().union(*_PYTHON_TYPES.values())
    return types | {type(None)} if parameter.nullable else types


def _fits(parameter: ActionParameter, value: Any) -> bool:
    if value is None:
        return parameter.nullable
    if parameter.type != ANY and type(value) not in _PYTHON_TYPES[parameter.type]:
        subclasses = _SUBCLASSES.get(parameter.type, ())
        if isinstance(value, bool) or not isinstance(value, subclasses):
            return False
    # 1 == True in Python, not in JSON.
    return not parameter.enum or any(
        value == member and isinstance(value, bool) == isinstance(member, bool) for member in parameter.enum
    )


def _expected(parameter: ActionParameter) -> str:
    if parameter.enum:
        return f"one of {', '.join(map(repr, parameter.enum))}"
    if parameter.type == ANY:
        return "any value" if parameter.nullable else "any value but null"
    article = "an" if parameter.type[0] in "aeiou" else "a"
    return f"{article} {parameter.type}" + (" or null" if parameter.nullable else "")


def _told(value: Any) -> str:
    """Return what a value is without what it says: inputs may hold secrets."""
    if value is None:
        return "null"
    name = next((name for types, name in _NAMES if isinstance(value, types)), type(value).__name__)
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


def _hint(name: str, known: Iterable[str]) -> str:
    if near := nearest(name, known):
        return f", {near}"
    return f" (known: {', '.join(known)})" if known else " (it takes no input)"


_table: dict[str, Action] = {}
_stackstorm: dict[str, Action] = {}
_table_lock = threading.Lock()


def action(ref: str) -> Callable[[Function], Function]:
    """Register a plain or an async function as the action `ref` ("pack.name"); the function stays as it is.

    The input's keys become keyword arguments; what it returns must be JSON-like. Executing the same
    definition again (the same module and name) replaces it; another function under a ref that is taken is
    refused with `DuplicateAction`, a function that cannot be an action with `InvalidAction`.
    """

    def decorate(function: Function) -> Function:
        runner: RunnerName = "async" if inspect.iscoroutinefunction(function) else "thread"
        register(ref, function, runner)
        return function

    return decorate


def inline_action(ref: str) -> Callable[[Function], Function]:
    """Register one of the core's own functions to run on the caller's thread: it must never wait."""

    def decorate(function: Function) -> Function:
        register(ref, function, "inline")
        return function

    return decorate


def register(ref: str, function: Callable[..., Any], runner: RunnerName) -> Action:
    """Put `function` into the process's table and return the action that it became."""
    new = describe(ref, function, runner)
    with _table_lock:
        old = _table.get(ref)
        if old is not None and _definition(old) != _definition(new):
            raise DuplicateAction(f"two functions are called {ref}: {old.place} and {new.place}")
        _table[ref] = new
    return new


def stackstorm_action(
    ref: str, *, literal: frozenset[str] = frozenset(), secret: frozenset[Fields] = frozenset()
) -> Callable[[Function], Function]:
    """Register an async function as what definitions that call StackStorm's core pack get under `ref`."""

    def decorate(function: Function) -> Function:
        _stackstorm[ref] = replace(describe(ref, function, "async"), literal=literal, secret=secret)
        return function

    return decorate


def describe(ref: str, function: Callable[..., Any], runner: RunnerName) -> Action:
    """Return a function as an action. Raises `InvalidAction`."""
    if not _REF.fullmatch(ref):
        raise InvalidAction(
            f"{ref!r} cannot name an action; write pack.name with letters, digits, _ and - in the parts, "
            'as in @action("ops.parse_line")'
        )
    if not isinstance(function, FunctionType):
        raise InvalidAction(f"action {ref}: a {type(function).__name__} cannot be an action; decorate a function")
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise InvalidAction(f"action {ref}: {function.__qualname__} yields; an action returns its whole result")
    signature = read_signature(ref, function)
    return Action(
        ref, function, runner, signature.parameters, signature.takes_anything, first_paragraph(function),
        literal=_LITERAL.get(ref, frozenset()),
    )  # fmt: skip


def _definition(action: Action) -> tuple[str, str]:
    return action.function.__module__, action.function.__qualname__


class ActionRegistry:
    """The actions that an engine knows.

    `rendered_commands`: see `refuses_rendered`. `of_stackstorm` are those that stand before the others in definitions
    that call StackStorm's core pack.
    """

    def __init__(
        self,
        actions: Mapping[str, Action],
        rendered_commands: RenderedCommands = "refuse",
        of_stackstorm: Mapping[str, Action] | None = None,
    ) -> None:
        self._actions = actions
        self._of_stackstorm = of_stackstorm or {}
        self._own: dict[str, Action] = {}
        self.refused: dict[str, str] = {}
        self.rendered_commands: RenderedCommands = rendered_commands

    @classmethod
    def registered(cls, rendered_commands: RenderedCommands = "refuse") -> "ActionRegistry":
        """Return every action that is registered in this process, now or later: a live view."""
        return cls(_table, rendered_commands, _stackstorm)

    def get(self, ref: str, core: CoreActions = "stretto") -> Action:
        """Return the action of that ref; `UnknownAction` says what to write instead if there is none."""
        # Every item passes here, and most call what the process's table has.
        found = (self._actions.get(ref) if core == "stretto" else None) or self.find(ref, core)
        if found is None:
            near = self.instead_of(ref, core) or nearest(ref, self.refs(core))
            raise UnknownAction(f"there is no action {ref!r}" + (f"; {near}" if near else ""))
        return found

    def find(self, ref: str, core: CoreActions = "stretto") -> Action | None:
        """Return the action that definitions which call that core's actions get under a ref."""
        variant = self._of_stackstorm.get(ref) if core == "stackstorm" else None
        return variant or self._actions.get(ref) or self._own.get(ref)

    def refuse(self, ref: str, reason: str) -> None:
        """Say why there is no action of that ref, to be told to who calls it."""
        self.refused[ref] = reason

    def instead_of(self, ref: str, core: CoreActions) -> str:
        """Return why there is no action of that ref, and what to write instead; "" if nothing is known of it."""
        return self.refused.get(ref) or (NOT_IN_STRETTO.get(ref, "") if core == "stackstorm" else "")

    def refuses_rendered(self, core: CoreActions) -> bool:
        """Tell whether inputs that are code must be literal in definitions that call that core's actions."""
        return core == "stretto" or self.rendered_commands == "refuse"

    def __contains__(self, ref: object) -> bool:
        return ref in self._actions or ref in self._own

    def refs(self, core: CoreActions = "stretto") -> tuple[str, ...]:
        """Return all known refs, sorted."""
        return tuple(sorted({**self._actions, **self._own, **(self._of_stackstorm if core == "stackstorm" else {})}))

    def add(self, action: Action) -> None:
        """Add an action of this engine's alone; `DuplicateAction` if its ref is taken."""
        old = self._actions.get(action.ref) or self._own.get(action.ref)
        if old is not None:
            raise DuplicateAction(f"two actions are called {action.ref}: {old.place} and {action.place}")
        self._own[action.ref] = action

    def load(self, module_or_path: str) -> None:
        """Import a module by its dotted name, or a file by its path, for the actions that it registers.

        Loading a file again executes it again. Raises `CannotLoadActions`.
        """
        load_actions(module_or_path)
