"""What a pack's files say, free of YAML."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from stretto.definitions.data import EMPTY_OBJECT, FrozenDict
from stretto.definitions.errors import Finding, Place
from stretto.definitions.model import Parameter, Workflow

RunnerType = Literal["python", "shell", "native", "nodejs"]
Delivery = Literal["stdin", "file", "env", "argv"]
ParameterFormat = Literal["json", "dotenv", "yaml"]
OutputFormat = Literal["text", "json", "jsonl", "yaml"]


@dataclass(frozen=True, slots=True)
class Manifest:
    """What `pack.yaml` says. `config_schema` describes the pack's configuration, `config` gives its defaults."""

    ref: str
    folder: Path
    place: Place
    label: str = ""
    description: str = ""
    version: str = ""
    config_schema: Mapping[str, Parameter] | None = None
    config: FrozenDict = field(default_factory=lambda: EMPTY_OBJECT)


@dataclass(frozen=True, slots=True)
class PackAction:
    """An action that a process performs. `program` is the entry point, resolved; `timeout` is in seconds."""

    ref: str
    pack: str
    folder: Path
    place: Place
    runner: RunnerType
    program: Path
    parameters: Mapping[str, Parameter]
    delivery: Delivery = "stdin"
    parameter_format: ParameterFormat = "json"
    output_format: OutputFormat = "text"
    timeout: float | None = None
    description: str = ""


@dataclass(frozen=True, slots=True)
class PackCall:
    """An action that is a function here, made of what a file says: a command, a script or a request of StackStorm's.

    `perform` takes the input as it was given; `problems_of` says what is wrong with one. `literal`: inputs that are
    code. `rendered` tells that the action makes code of its input: it is had only where that is allowed.
    """

    ref: str
    pack: str
    place: Place
    parameters: Mapping[str, Parameter]
    perform: Callable[[Mapping[str, Any]], Awaitable[Any]]
    find_problems: Callable[[Mapping[str, Any]], list[str]]
    literal: frozenset[str] = frozenset()
    rendered: Finding | None = None
    description: str = ""


@dataclass(frozen=True, slots=True)
class Refused:
    """An action that cannot be had: `findings` say what stands in the way, and what to write instead."""

    ref: str
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class PackWorkflow:
    """A workflow of a pack, its graph in the file at `path`.

    The metadata of an action gives ref and parameters, or the file itself, if it stands alone.
    """

    ref: str
    pack: str
    place: Place
    path: Path
    parameters: Mapping[str, Parameter]
    label: str = ""
    description: str = ""

    def completed(self, graph: Workflow) -> Workflow:
        """Return the workflow that a graph is, with what the metadata says of it."""
        return replace(
            graph,
            ref=self.ref,
            parameters=self.parameters or graph.parameters,
            label=self.label or graph.label,
            description=self.description or graph.description,
        )


@dataclass(frozen=True, slots=True)
class Pack:
    """A pack as it was read. `warnings` are what is doubtful but can run."""

    manifest: Manifest
    actions: tuple[PackAction | PackCall, ...] = ()
    workflows: tuple[PackWorkflow, ...] = ()
    warnings: tuple[Finding, ...] = ()
    refused: tuple[Refused, ...] = ()
