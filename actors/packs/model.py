"""A pack's parts as data, without YAML."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from stretto.actors.actions import Fill, OwnWorker
from stretto.actors.packs.environments import Kind
from stretto.actors.packs.runtimes import Runtime
from stretto.definitions.data import EMPTY_OBJECT, FrozenDict
from stretto.definitions.errors import Finding, Place
from stretto.definitions.model import Parameter, Workflow

if TYPE_CHECKING:
    from stretto.actors.packs.sensors import PackSensor
    from stretto.actors.workers import WorkerCommand

RunnerType = Literal["python", "shell", "native", "nodejs"]
Delivery = Literal["stdin", "file", "env", "argv"]
ParameterFormat = Literal["json", "dotenv", "yaml"]
Isolation = Literal["worker", "fresh"]
"""Whether a call runs in a kept process, or in a process of its own."""
OutputFormat = Literal["text", "json", "jsonl", "yaml"]
_ENVIRONMENTS: Final[Mapping[RunnerType, Kind]] = {"python": "python", "nodejs": "node"}


class Settings:
    """The configuration of a pack and the command of its workers, once they are known.

    Attributes:
        values: The configuration by name.
        command: The command of the pack's workers, once it is known.
        digest: The digest of the pack's files, once it is known, or "" if they are too many.
    """

    def __init__(self) -> None:
        self.values: FrozenDict = EMPTY_OBJECT
        self.command: WorkerCommand | None = None
        self.digest: str | None = None


@dataclass(frozen=True, slots=True)
class Manifest:
    """The contents of `pack.yaml`.

    Attributes:
        ref: The pack's name.
        folder: The pack's folder, resolved.
        place: Where the manifest begins.
        label: A title, for people.
        description: A text, for people.
        version: As written.
        config_schema: The parameters of the pack's configuration, or None if any configuration is valid.
        config: The defaults of the configuration.
        settings: The whole configuration, for the pack's own actions.
    """

    ref: str
    folder: Path
    place: Place
    label: str = ""
    description: str = ""
    version: str = ""
    config_schema: Mapping[str, Parameter] | None = None
    config: FrozenDict = field(default_factory=lambda: EMPTY_OBJECT)
    settings: Settings = field(default_factory=Settings, compare=False)


@dataclass(frozen=True, slots=True)
class PackAction:
    """An action that runs as a process. `program` is the resolved entry point, `timeout` is in seconds."""

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
    result: FrozenDict | None = None
    """The JSON Schema of its result."""
    runtime: Runtime | None = None
    """The pack's own interpreter, for the runner `native`."""
    function: str = ""
    """The function of the program that is called, or "" to run the program."""
    isolation: Isolation = "fresh"

    @property
    def needs(self) -> Kind | None:
        """The kind of environment that it runs in, if its pack has one."""
        return _ENVIRONMENTS.get(self.runner)


@dataclass(frozen=True, slots=True)
class PackCall:
    """An action of a StackStorm pack (a command, a script or a request) as a function of its input.

    Attributes:
        ref: The name in workflows.
        pack: The pack's ref.
        place: Where the action's file begins.
        parameters: The inputs.
        run: Runs the action on an input as it was given, without defaults.
        find_problems: Returns one sentence for each problem of an input.
        fill: Completes an input with keys of the key-value store, if defaults read them.
        literal: The inputs that are code.
        rendered: Set if the action turns its input into code. Some runs are refused then (core_local.rendered_cmd).
        description: A text, for people.
        result: The JSON Schema of its result.
        needs: The kind of environment that it runs in, if its pack has one.
    """

    ref: str
    pack: str
    place: Place
    parameters: Mapping[str, Parameter]
    run: Callable[[Mapping[str, Any]], Awaitable[Any]]
    find_problems: Callable[[Mapping[str, Any]], list[str]]
    fill: Fill | None = None
    literal: frozenset[str] = frozenset()
    code: OwnWorker | None = None
    """How its calls run in a worker, instead of `run`."""
    isolation: Isolation | None = "fresh"
    rendered: Finding | None = None
    description: str = ""
    result: FrozenDict | None = None
    needs: Kind | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """An action that Stretto cannot run. `findings` hold the reasons and what to write instead."""

    ref: str
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class PackWorkflow:
    """A workflow of a pack. The file at `path` holds its graph.

    The ref and the parameters come from an action's metadata, or from the file itself if no metadata names it.
    """

    ref: str
    pack: str
    place: Place
    path: Path
    parameters: Mapping[str, Parameter]
    label: str = ""
    description: str = ""

    def completed(self, graph: Workflow) -> Workflow:
        """Return the graph's workflow, with the ref, parameters and texts of the metadata."""
        completed = replace(
            graph,
            ref=self.ref,
            parameters=self.parameters or graph.parameters,
            label=self.label or graph.label,
            description=self.description or graph.description,
        )
        if not any(each.computed for each in self.parameters.values()):
            return completed
        from stretto.definitions.dialects import with_computed_defaults  # noqa: PLC0415 - slow, and few need it

        return with_computed_defaults(completed)


@dataclass(frozen=True, slots=True)
class Pack:
    """A pack as read from its folder.

    Attributes:
        manifest: The contents of `pack.yaml`.
        actions: The actions that Stretto can run.
        workflows: The workflows, with and without metadata.
        warnings: Findings that are not errors.
        refused: The actions that Stretto cannot run.
        sensors: The sensors.
    """

    manifest: Manifest
    actions: tuple[PackAction | PackCall, ...] = ()
    workflows: tuple[PackWorkflow, ...] = ()
    warnings: tuple[Finding, ...] = ()
    refused: tuple[Refused, ...] = ()
    sensors: "tuple[PackSensor, ...]" = ()
