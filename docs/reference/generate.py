"""`make docs`: writes the pages of this folder, from the docstrings and signatures of Stretto's public names.

It also writes ../openapi.json from the routes of the HTTP API.

A public name is one in the `__all__` of `stretto.actors`, `stretto.definitions` or `stretto.metrics`. Signatures are
read from the source, so that every version of Python gives the same page. tests/test_reference.py compares the pages
with the code.
"""

import ast
import inspect
import json
import re
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import NamedTuple, TypeAlias

from stretto.actors.actions import Action, ActionParameter
from stretto.actors.catalogue import core_actions
from stretto.actors.gateway.http import openapi

FOLDER = Path(__file__).parent
MODULES = ("stretto.actors", "stretto.definitions", "stretto.metrics")
ACTIONS = FOLDER.parent / "actions.md"
API = FOLDER.parent / "openapi.json"
NOTE = "<!-- Written by `make docs` from the docstrings: change those. -->"
SECTION = re.compile(r"^(Args|Attributes|Returns|Yields|Raises):$", re.MULTILINE)
ENTRY = re.compile(r"^(\*{0,2}[\w, ]+): (.*)$")
LINE = 100

Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef


class Page(NamedTuple):
    """A page, its heading, its first sentence and the public names on it: (module, name)."""

    file: str
    heading: str
    opening: str
    names: tuple[tuple[str, str], ...]


ENGINE = (
    "BlockingEngine", "Engine", "connect", "RemoteEngine", "BlockingRemoteEngine", "connect_async",
    "AsyncRemoteEngine", "RunHandle", "AsyncRunHandle", "Outcome", "RunProgressed", "AddressPolicy", "Requester",
)  # fmt: skip


def pages() -> tuple[Page, ...]:
    """Return all pages. Every public name is on exactly one."""
    names = [(module, name) for module in MODULES for name in sorted(import_module(module).__all__)]
    errors = tuple(each for each in names if _is_error(*each))
    left = [each for each in names if each not in errors]
    engine = tuple(("stretto.actors", name) for name in ENGINE)
    actions = tuple(each for each in left if each[0] == "stretto.actors" and each not in engine)
    definitions = tuple(each for each in left if each[0] == "stretto.definitions")
    metrics = tuple(each for each in left if each[0] == "stretto.metrics")
    return (
        Page("engine.md", "The engine", "Start an engine, submit runs, inspect and control them.", engine),
        Page("actions.md", "Actions", "Make an action of a function; the core actions.", actions),
        Page("errors.md", "Errors", "Every error that the Python API raises, with its code.", errors),
        Page("definitions.md", "Definitions", "Read definitions, and the data of runs.", definitions),
        Page("metrics.md", "Metrics and logs", "Counters, their endpoint, and structured logs.", metrics),
    )


def _is_error(module: str, name: str) -> bool:
    value = getattr(import_module(module), name)
    return inspect.isclass(value) and issubclass(value, Exception)


def written() -> dict[str, str]:
    """Return the text of every page by the name of its file."""
    texts = {page.file: text_of(page) for page in pages()}
    rows = [f"| [{page.heading}]({page.file}) | {page.opening} |" for page in pages()]
    texts["README.md"] = "\n".join(
        [
            NOTE,
            "",
            "# Reference of the Python API",
            "",
            "The public names are those in `stretto.actors`, `stretto.definitions` and `stretto.metrics`. `dir()`",
            "lists them. All other modules can change in every version.",
            "",
            "| | |",
            "|---|---|",
            *rows,
            "",
            "[../language.md](../language.md) has the fields of a definition, [../operating.md](../operating.md) the",
            "settings of the daemon.",
            "",
        ]
    )
    return texts


def text_of(page: Page) -> str:
    """Return a page."""
    parts = [NOTE, f"# {page.heading}", page.opening]
    for module, name in page.names:
        parts += described(module, name)
    if page.file == "actions.md":
        parts += core_action_table()
    return "\n\n".join(parts) + "\n"


def described(module: str, name: str) -> list[str]:
    """Return the section of a public name."""
    value = getattr(import_module(module), name)
    source = value.__module__ if hasattr(value, "__module__") else _source_of_constant(module, name)
    node = _find(source, name)
    parts = [f"## {name}", _code(f"from {module} import {name}")]
    if isinstance(node, ast.ClassDef):
        return [*parts, *_class(node, value, source)]
    if isinstance(node, Function):
        return [*parts, _code(_signature(name, node, source)), *_docstring(ast.get_docstring(node) or "")]
    is_literal = isinstance(value, tuple | str | int | float)
    return [*parts, _code(f"{name} = {value!r}" if is_literal else f"{name}: {type(value).__name__}")]


def _source_of_constant(module: str, name: str) -> str:
    """Return the module from which a face imports a constant."""
    for node in ast.walk(_tree(module)):
        if isinstance(node, ast.ImportFrom) and any(alias.name == name for alias in node.names):
            return node.module or module
    return module


@cache
def _tree(module: str) -> ast.Module:
    return ast.parse(Path(str(import_module(module).__file__)).read_text(encoding="utf-8"))


def _find(module: str, name: str) -> ast.stmt | None:
    """Return the class or function of a module, or None for anything else."""
    for node in _tree(module).body:
        if isinstance(node, ast.ClassDef | Function) and node.name == name:
            return node
    return None


def _class(node: ast.ClassDef, value: type, source: str) -> list[str]:
    """Return the sections of a class and of its public methods."""
    parts = []
    if issubclass(value, Exception):
        bases = ", ".join(f"`{base.__name__}`" for base in value.__bases__)
        code = getattr(value, "code", None)
        parts.append(f"An error, of {bases}." + (f" Its code is `{code}`." if code else ""))
    fields = [each for each in node.body if isinstance(each, ast.AnnAssign) and _is_public_field(each)]
    initializer = next((each for each in _functions(node) if each.name == "__init__"), None)
    if fields and initializer is None and not issubclass(value, Exception):
        lines = [f"    {_field(each, source)}" for each in fields]
        parts.append(_code("\n".join([f"class {node.name}:", *lines])))
    elif initializer is not None and not issubclass(value, Exception):
        parts.append(_code(_signature(node.name, initializer, source, without_return=True)))
    parts += _docstring(ast.get_docstring(node) or "")
    own = {each.name for each in _functions(node)}
    inherited = [
        (each, module) for base in value.__bases__ for each, module in _inherited(base) if each.name not in own
    ]
    for each, module in (*((each, source) for each in _functions(node)), *inherited):
        if each.name.startswith(("_", "on_")):
            continue
        heading = f"{node.name}.{each.name}"
        is_property = any(ast.unparse(one) == "property" for one in each.decorator_list)
        returns = f": {ast.unparse(each.returns)}" if is_property and each.returns is not None else ""
        shown = f"{heading}{returns}" if is_property else _signature(heading, each, module)
        parts += [f"### {heading}", _code(shown), *_docstring(ast.get_docstring(each) or "")]
    return parts


def _field(node: ast.AnnAssign, module: str) -> str:
    default = "" if node.value is None else f" = {_default(node.value, module)}"
    return f"{ast.unparse(node.target)}: {_annotation(node.annotation)}{default}"


def _is_public_field(node: ast.AnnAssign) -> bool:
    return isinstance(node.target, ast.Name) and not node.target.id.startswith("_")


def _functions(node: ast.ClassDef) -> Iterator[Function]:
    yield from (each for each in node.body if isinstance(each, Function))


def _inherited(base: type) -> Iterator[tuple[Function, str]]:
    """Yield the methods of a base that has no section of its own, each with the module that defines it."""
    module = base.__module__
    rooms = ("stretto.actors.engine", "stretto.actors.gateway.remote")
    if module.startswith(rooms) and base.__name__ not in import_module("stretto.actors").__all__:
        node = _find(module, base.__name__)
        if isinstance(node, ast.ClassDef):
            yield from ((each, module) for each in _functions(node))
            yield from (each for above in base.__bases__ for each in _inherited(above))


def _signature(name: str, node: Function, module: str, *, without_return: bool = False) -> str:
    """Return a call with its parameters, on one line or on one line for each parameter."""
    parameters = list(_parameters(node.args, module))
    returns = "" if node.returns is None or without_return else f" -> {_annotation(node.returns)}"
    prefix = "await " if isinstance(node, ast.AsyncFunctionDef) else ""
    line = f"{prefix}{name}({', '.join(parameters)}){returns}"
    if len(line) <= LINE:
        return line
    members = "".join(f"    {each},\n" for each in parameters)
    return f"{prefix}{name}(\n{members}){returns}"


def _parameters(arguments: ast.arguments, module: str) -> Iterator[str]:
    """Yield the text of each parameter of a caller, and `*` before those that need their names."""
    positional = [*arguments.posonlyargs, *arguments.args]
    defaults: list[ast.expr | None] = [None] * (len(positional) - len(arguments.defaults))
    for argument, default in zip(positional, [*defaults, *arguments.defaults], strict=True):
        if argument.arg not in {"self", "cls"}:
            yield _parameter(argument, default, module)
    if arguments.vararg is not None:
        yield f"*{_parameter(arguments.vararg, None, module)}"
    elif arguments.kwonlyargs:
        yield "*"
    for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        yield _parameter(argument, default, module)
    if arguments.kwarg is not None:
        yield f"**{_parameter(arguments.kwarg, None, module)}"


def _parameter(argument: ast.arg, default: ast.expr | None, module: str) -> str:
    annotation = "" if argument.annotation is None else f": {_annotation(argument.annotation)}"
    return f"{argument.arg}{annotation}" + ("" if default is None else f" = {_default(default, module)}")


def _annotation(node: ast.expr) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ast.unparse(node)


def _default(node: ast.expr, module: str) -> str:
    """Return a default, and of a named number its value."""
    value = getattr(import_module(module), node.id, None) if isinstance(node, ast.Name) else None
    return repr(value) if isinstance(value, int | float) else ast.unparse(node)


def _docstring(text: str) -> list[str]:
    """Return a Google docstring as Markdown: its text, then a list for each of its sections."""
    pieces = SECTION.split(text)
    parts = [pieces[0].strip()] if pieces[0].strip() else []
    titles = {
        "Args": "Arguments",
        "Attributes": "Attributes",
        "Returns": "Returns",
        "Yields": "Yields",
        "Raises": "Raises",
    }
    for title, body in zip(pieces[1::2], pieces[2::2], strict=True):
        lines = inspect.cleandoc(f"\n{body.strip(chr(10))}").splitlines()
        if title in {"Returns", "Yields"}:
            parts.append(f"**{titles[title]}:** {' '.join(line.strip() for line in lines)}")
        else:
            parts.append("\n".join([f"**{titles[title]}:**", "", *_entries(lines)]))
    return parts


def _entries(lines: list[str]) -> Iterator[str]:
    """Yield `name: meaning` as a list. A meaning that goes on is indented."""
    for line in lines:
        entry = ENTRY.match(line) if not line.startswith(" ") else None
        if entry is not None:
            names = ", ".join(f"`{name.strip()}`" for name in entry[1].split(","))
            yield f"- {names}: {entry[2]}"
        else:
            yield f"  {line.strip()}"


def _code(text: str) -> str:
    return f"```python\n{text}\n```"


def core_action_table() -> list[str]:
    """Return the core actions with their inputs, results and failures, and where the kinds of errors are."""
    page = ACTIONS.read_text(encoding="utf-8")
    sections = {part.split("\n")[0]: part for part in re.split(r"^### ", page, flags=re.MULTILINE)[1:]}
    registry = core_actions()
    native = {ref: registry.get(ref) for ref in registry.refs() if ref.startswith("core.")}
    orquesta = {ref: registry.get(ref, "stackstorm") for ref in registry.refs("stackstorm") if ref.startswith("core.")}
    variants = {f"{ref} in Orquesta": action for ref, action in orquesta.items() if native.get(ref) is not action}
    rows = [_action_row(heading, action, sections[heading]) for heading, action in (native | variants).items()]
    return [
        "## Kinds of errors",
        "`error.kind`, and `kind` in `stretto_action_errors_total`: [one of these](../language.md#kinds-of-errors).",
        "## Core actions",
        "Each links to its section in [../actions.md](../actions.md), with the meaning of each input.",
        "\n".join(["| action | inputs | result | fails |", "|---|---|---|---|", *rows]),
    ]


def _action_row(heading: str, action: Action, section: str) -> str:
    anchor = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
    inputs = ", ".join(map(_input, action.parameters)) or ("any" if action.takes_anything else "none")
    result, fails = section.split("Result:", 1)[1].split("Fails:", 1)
    return f"| [{heading}](../actions.md#{anchor}) | {inputs} | {_in_a_cell(result)} | {_in_a_cell(fails)} |"


def _in_a_cell(text: str) -> str:
    """Return a sentence, or the first column of a table, with links that lead out of this folder."""
    text = text.replace("](", "](../")
    column = [row.split("|")[1].strip() for row in re.findall(r"^\|.*\|$", text, re.MULTILINE)[2:]]
    return "; ".join(column) if column else text.strip().split("\n")[0].removesuffix(".")


def _input(parameter: ActionParameter) -> str:
    default = "" if parameter.required else f" = {json.dumps(parameter.default)}"
    return f"`{parameter.name}: {parameter.type}{default}`"


def main() -> None:
    """Write all pages, and the description of the API."""
    API.write_bytes(openapi.written())
    for name, text in written().items():
        (FOLDER / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
