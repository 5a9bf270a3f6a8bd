"""The decorator that registers actions, and the registry that finds and loads them.

Registration fills one table of the process, so importing a module is enough to make its actions known.
"""

import inspect
import re
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import FunctionType
from typing import Any, Final, Literal, TypeAlias, TypeVar, get_args

from stretto.actors.actions.elsewhere import Code, OwnWorker, code_of
from stretto.actors.actions.errors import DuplicateAction, InvalidAction, InvalidActionInput, UnknownAction
from stretto.actors.actions.filling import Fill
from stretto.actors.actions.fitting import accepted_types, described, expected, fits, hint_for
from stretto.actors.actions.keywords import keyword_inputs
from stretto.actors.actions.loading import load_actions
from stretto.actors.actions.replaced import NOT_IN_STRETTO
from stretto.actors.actions.schema import ActionParameter, first_paragraph, read_signature
from stretto.definitions.context import Fields
from stretto.definitions.errors import nearest, refused_choice
from stretto.definitions.model import CoreActions

RunnerName: TypeAlias = Literal["inline", "thread", "async", "worker", "fresh", "waits"]
Isolation: TypeAlias = Literal["thread", "worker", "fresh"]
"""Where a plain function runs: on a thread of the daemon, in a kept process, or in a process for each call."""
RenderedCommands: TypeAlias = Literal["owner", "allow", "refuse"]
"""Which runs of Orquesta definitions may put expressions into text that a shell reads: the owner's, all, or none."""
Requested: TypeAlias = Literal["owner", "remote"]
"""Who asked for a run."""
Function = TypeVar("Function", bound=Callable[..., Any])

_ELSEWHERE: Final = frozenset({"worker", "fresh"})
_REF = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)+")
_LITERAL: Final = {"core.local": frozenset({"cmd"})}


@dataclass(frozen=True, slots=True, eq=False)
class Action:
    """A function and the ref by which workflows call it.

    Attributes:
        ref: The name in workflows, "pack.name".
        function: The code. It takes the input as keyword arguments.
        runner: Where the function runs: "inline" (on the caller's thread; only for core actions that never wait),
            "thread" (a plain function), "async" (a coroutine function), "worker" (a plain function in a kept process),
            "fresh" (a plain function in a process for each call) or "waits" (the engine waits for a message).
        parameters: The declared inputs.
        takes_anything: Whether the function has **kwargs.
        description: The first paragraph of the docstring.
        find_problems: Checks an input further once its types fit. Returns one sentence a problem.
        origin: The file that describes the action, if it is not a function of a module.
        secret: The inputs that are masked wherever Stretto shows them.
        literal: The inputs that are code. A definition must not compute any part of them.
        fill: Completes an input with what only the engine can read: keys of the key-value store.
        renders_code: Whether the action turns its input into code.
        result: The JSON Schema of the result, if a pack describes it. Results are not checked against it.
        code: Where another process finds the function, if it runs there, or how it runs in a worker without Stretto.
        inline_bytes: The weight of an input above which an action that else runs inline runs on a thread.
        isolation: Where the action's code runs: "thread", "worker", or "fresh" for a process for each call. None if it
            runs in the daemon without a thread of its own.
        digest: Returns the digest of the files of an action that is not a function of a module and can run elsewhere,
            or "" if it cannot.
    """

    ref: str
    function: Callable[..., Any]
    runner: RunnerName
    parameters: tuple[ActionParameter, ...] = ()
    takes_anything: bool = False
    description: str = ""
    find_problems: Callable[[Mapping[str, Any]], list[str]] | None = None
    origin: str = ""
    secret: frozenset[Fields] = frozenset()
    literal: frozenset[str] = frozenset()
    fill: Fill | None = None
    renders_code: bool = False
    result: Mapping[str, Any] | None = None
    code: Code | OwnWorker | None = None
    inline_bytes: int = sys.maxsize
    isolation: Isolation | None = None
    digest: Callable[[], str] | None = None
    _required: frozenset[str] = field(init=False, repr=False)
    _accepted: dict[str, frozenset[type] | None] = field(init=False, repr=False)
    _enums: dict[str, tuple[Any, ...]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        required = frozenset(parameter.name for parameter in self.parameters if parameter.required)
        object.__setattr__(self, "_required", required)
        if self.runner in {"thread", "worker", "fresh"}:
            object.__setattr__(self, "isolation", self.runner)
        object.__setattr__(self, "_accepted", {p.name: accepted_types(p) for p in self.parameters})
        object.__setattr__(self, "_enums", {p.name: p.enum for p in self.parameters if p.enum})

    @property
    def place(self) -> str:
        """The function's module, name, file and line, for messages."""
        if self.origin:
            return self.origin
        code = getattr(inspect.unwrap(self.function), "__code__", None)
        where = f" ({code.co_filename}:{code.co_firstlineno})" if code else ""
        return f"{self.function.__module__}.{self.function.__qualname__}{where}"

    def check(self, values: Mapping[str, Any]) -> None:
        """Check an input against the parameters.

        Types are strict. A boolean is not an integer. An integer is a valid number. Null is valid for a parameter
        that is annotated as optional or whose default is null.

        Args:
            values: The input, by parameter name.

        Raises:
            InvalidActionInput: The input does not fit. The error lists every problem.
        """
        # Every item passes here: one look-up a value (0.4 us in all). Only a misfit pays for words.
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
            if self._required <= values.keys() and not self._enums and self.find_problems is None:
                return
        if problems := self._problems(values):
            raise InvalidActionInput(self.ref, problems)

    def _problems(self, values: Mapping[str, Any]) -> list[str]:
        problems = [
            f"{parameter.name} is missing ({expected(parameter)})"
            for parameter in self.parameters
            if parameter.required and parameter.name not in values
        ]
        known = {parameter.name: parameter for parameter in self.parameters}
        for name, value in values.items():
            if parameter := known.get(name):
                if not fits(parameter, value):
                    problems.append(f"{name} must be {expected(parameter)}, got {described(value)}")
            elif not self.takes_anything:
                problems.append(f"{name} is unknown{hint_for(name, known)}")
        if not problems and self.find_problems is not None:
            problems = self.find_problems(values)
        return problems


_table: dict[str, Action] = {}
_stackstorm: dict[str, Action] = {}
_table_lock = threading.Lock()


def action(ref: str, *, isolation: Isolation = "thread") -> Callable[[Function], Function]:
    """Register the decorated function as an action.

    A plain function runs on a thread, or in another process. An `async def` function runs on the event loop.

    The task's input becomes keyword arguments. The return value must be JSON-like. Annotations, defaults and the
    docstring's `Args:` section describe the parameters.

    Executing the same definition again (same module and name) replaces the action.

    Args:
        ref: The name in workflows, "pack.name".
        isolation: Where a plain function runs. "thread": on a thread of the daemon. "worker": in one of a few kept
            processes, which is for functions that compute, may crash, or must be stopped at their timeout. "fresh": in
            a process for each call. Input and result travel as JSON. In a process, the module is imported once more.

    Returns:
        A decorator that returns the function unchanged.

    Raises:
        InvalidAction: The decorated object cannot be an action. The decorator raises it.
        DuplicateAction: Another function has this ref. The decorator raises it.
    """

    def decorate(function: Function) -> Function:
        if isolation not in get_args(Isolation):
            raise InvalidAction(refused_choice(f"action {ref}: isolation", get_args(Isolation), str(isolation)))
        is_async = isolation == "thread" and inspect.iscoroutinefunction(function)
        runner: RunnerName = "async" if is_async else isolation
        register(ref, function, runner)
        return function

    return decorate


def inline_action(ref: str) -> Callable[[Function], Function]:
    """Register a core function that runs on the caller's thread. The function must never wait."""

    def decorate(function: Function) -> Function:
        register(ref, function, "inline")
        return function

    return decorate


def waiting_action(
    ref: str, find_problems: Callable[[Mapping[str, Any]], list[str]] | None = None
) -> Callable[[Function], Function]:
    """Register a core action whose item waits for a message. The function returns what the item waits for."""

    def decorate(function: Function) -> Function:
        action = register(ref, function, "waits")
        _table[ref] = replace(action, find_problems=find_problems)
        return function

    return decorate


def register(ref: str, function: Callable[..., Any], runner: RunnerName) -> Action:
    """Add a function to the process's table and return its action."""
    new = describe(ref, function, runner)
    with _table_lock:
        old = _table.get(ref)
        if old is not None and _definition(old) != _definition(new):
            raise DuplicateAction(f"two functions have the ref {ref}: {old.place} and {new.place}")
        _table[ref] = new
    return new


def stackstorm_action(
    ref: str,
    *,
    literal: frozenset[str] = frozenset(),
    secret: frozenset[Fields] = frozenset(),
    inline_bytes: int = sys.maxsize,
) -> Callable[[Function], Function]:
    """Register a function as StackStorm's variant of `ref`. Orquesta definitions call this variant.

    A plain function runs on the caller's thread, so it must never wait. With an input above `inline_bytes`, for which
    it takes long, it runs on one of the threads for functions.
    """

    def decorate(function: Function) -> Function:
        found = describe(ref, function, "async" if inspect.iscoroutinefunction(function) else "inline")
        _stackstorm[ref] = replace(
            found, literal=literal, secret=secret, inline_bytes=inline_bytes,
            **keyword_inputs(function, found.parameters),
        )  # fmt: skip
        return function

    return decorate


def describe(ref: str, function: Callable[..., Any], runner: RunnerName) -> Action:
    """Return the action that a function makes, or raise InvalidAction."""
    if not _REF.fullmatch(ref):
        raise InvalidAction(
            f"an action's ref must be pack.name with letters, digits, _ and - in its parts, got {ref!r}; "
            'for example @action("ops.parse_line")'
        )
    if not isinstance(function, FunctionType):
        raise InvalidAction(f"action {ref}: an action must be a function, got a {type(function).__name__}")
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise InvalidAction(f"action {ref}: {function.__qualname__} must return its whole result, not yield it")
    signature = read_signature(ref, function)
    return Action(
        ref, function, runner, signature.parameters, signature.takes_anything, first_paragraph(function),
        literal=_LITERAL.get(ref, frozenset()), code=code_of(ref, function) if runner in _ELSEWHERE else None,
    )  # fmt: skip


def _definition(action: Action) -> tuple[str, str]:
    return action.function.__module__, action.function.__qualname__


class ActionRegistry:
    """The actions that an engine can call.

    Args:
        actions: Actions by ref. The mapping is not copied, so later registrations show up.
        rendered_commands: Which runs of Orquesta definitions may put expressions into inputs that are code.
        of_stackstorm: Variants by ref that Orquesta definitions get instead.

    Attributes:
        refused: For refs that a pack describes but Stretto cannot run, the reason.
        rendered_commands: As given.
    """

    def __init__(
        self,
        actions: Mapping[str, Action],
        rendered_commands: RenderedCommands = "owner",
        of_stackstorm: Mapping[str, Action] | None = None,
    ) -> None:
        self._actions = actions
        self._of_stackstorm = of_stackstorm or {}
        self._own: dict[str, Action] = {}
        self.refused: dict[str, str] = {}
        self.rendered_commands: RenderedCommands = rendered_commands

    @classmethod
    def registered(cls, rendered_commands: RenderedCommands = "owner") -> "ActionRegistry":
        """Return a registry of all actions registered in this process, now or later."""
        return cls(_table, rendered_commands, _stackstorm)

    def get(self, ref: str, core: CoreActions = "stretto") -> Action:
        """Return an action by its ref.

        Args:
            ref: The name in workflows, "pack.name".
            core: Whose core actions the definition calls: Stretto's, or StackStorm's variants.

        Raises:
            UnknownAction: No action has this ref. The message suggests a replacement if one is known.
        """
        # Every item passes here, and most refs are in the process's table.
        found = (self._actions.get(ref) if core == "stretto" else None) or self.find(ref, core)
        if found is None:
            suggestion = self.suggestion_for(ref, core) or nearest(ref, self.refs(core))
            raise UnknownAction(f"there is no action {ref!r}" + (f"; {suggestion}" if suggestion else ""))
        return found

    def find(self, ref: str, core: CoreActions = "stretto") -> Action | None:
        """Return an action by its ref, or None. For `core`, see `get`."""
        variant = self._of_stackstorm.get(ref) if core == "stackstorm" else None
        return variant or self._actions.get(ref) or self._own.get(ref)

    def refuse(self, ref: str, reason: str) -> None:
        """Record why a ref has no action. The reason becomes part of the caller's error."""
        self.refused[ref] = reason

    def suggestion_for(self, ref: str, core: CoreActions) -> str:
        """Return why an unknown ref has no action and what to use instead, or "" if nothing is known."""
        return self.refused.get(ref) or (NOT_IN_STRETTO.get(ref, "") if core == "stackstorm" else "")

    def refuses_rendered(self, core: CoreActions, requested_by: Requested) -> bool:
        """Return whether inputs that are code must be literal in runs of definitions that call this core."""
        if core == "stretto":
            return True
        return self.rendered_commands == "refuse" or (self.rendered_commands == "owner" and requested_by == "remote")

    def refuses_call(self, action: Action, core: CoreActions, requested_by: Requested) -> bool:
        """Return whether an action is refused because it turns its input into code."""
        if not action.renders_code or self.rendered_commands == "allow":
            return False
        return self.refuses_rendered(core, requested_by)

    def __contains__(self, ref: object) -> bool:
        return ref in self._actions or ref in self._own

    def refs(self, core: CoreActions = "stretto") -> tuple[str, ...]:
        """Return all refs, sorted."""
        return tuple(sorted({**self._actions, **self._own, **(self._of_stackstorm if core == "stackstorm" else {})}))

    def add(self, action: Action) -> None:
        """Add an action to this registry only.

        Args:
            action: The action, for example one that a pack describes.

        Raises:
            DuplicateAction: Another action has the same ref.
        """
        old = self._actions.get(action.ref) or self._own.get(action.ref)
        if old is not None:
            raise DuplicateAction(f"two actions have the ref {action.ref}: {old.place} and {action.place}")
        self._own[action.ref] = action

    def load(self, module_or_path: str) -> None:
        """Import a module or a file whose functions are decorated with `action`.

        Loading a file again executes it again.

        Args:
            module_or_path: A module's dotted name, or the path of a FILE.py.

        Raises:
            CannotLoadActions: The import fails.
        """
        load_actions(module_or_path)
