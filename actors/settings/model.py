"""Every setting: its name, its type, its default. A description says what is expected, for people."""

from ipaddress import ip_network
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from stretto.actors.actions import LINK_LOCAL_AND_METADATA

# Given here and not by Engine, whose import takes as long as all the rest of `stretto config show`.
MAX_ITEMS_IN_FLIGHT = 1024
THREADS = 16
PORT = 8420
DRAIN_SECONDS = 30.0

Texts = Annotated[tuple[str, ...], Meta(description="a list of texts")]
Networks = Annotated[tuple[str, ...], Meta(description="a list of addresses or networks, such as 10.0.0.0/8")]
Count = Annotated[int, Meta(ge=1, description="a whole number, at least 1")]
Text = Annotated[str, Meta(description="a text")]


class EngineSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What the engine runs, how much at once, and where it keeps runs. `pack_config` and `keystore` are YAML files.

    `retain_days` and `retain_runs` say how long ended runs are kept; null is for ever.
    """

    definitions: Texts = ()
    actions: Texts = ()
    packs: Texts = ()
    pack_config: Annotated[str | None, Meta(description="a file's path, or null")] = None
    keystore: Annotated[str | None, Meta(description="a file's path, or null")] = None
    store: Annotated[str | None, Meta(description="a store's URL, or null")] = None
    store_key: Annotated[str | None, Meta(description="a file's path, or null")] = None
    retain_days: Annotated[
        Annotated[float, Meta(ge=0)] | None, Meta(description="a number of days, at least 0, or null")
    ] = None
    retain_runs: Annotated[
        Annotated[int, Meta(ge=0)] | None, Meta(description="a whole number, at least 0, or null")
    ] = None
    max_items_in_flight: Count = MAX_ITEMS_IN_FLIGHT
    threads: Count = THREADS
    dispatchers: Count = 1


class ServeSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where the daemon is reached, and how it ends. `socket` null is the place that fits the user."""

    host: Text = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65_535, description="a port, 0 to 65535")] = PORT
    insecure_bind: Annotated[bool, Meta(description="true or false")] = False
    socket: Annotated[str | None, Meta(description="a path, or null")] = None
    watch: Annotated[bool, Meta(description="true or false")] = True
    drain_seconds: Annotated[float, Meta(ge=0, description="a number of seconds, at least 0")] = DRAIN_SECONDS


class HttpSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where core.http may connect to: `allow` are the exceptions of `deny`."""

    deny: Networks = tuple(map(str, LINK_LOCAL_AND_METADATA))
    allow: Networks = ()

    def __post_init__(self) -> None:
        """Refuse what is no network; msgspec tells it as it tells a wrong type."""
        for text in (*self.deny, *self.allow):
            ip_network(text)


class CoreLocalSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What core.local runs. `rendered_cmd`: commands of Orquesta's definitions with expressions in them."""

    rendered_cmd: Annotated[Literal["refuse", "allow"], Meta(description="refuse or allow")] = "refuse"


class LoggingSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What is logged, and how."""

    level: Annotated[
        Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"],
        Meta(description="DEBUG, INFO, WARNING, ERROR or CRITICAL"),
    ] = "INFO"
    style: Annotated[Literal["auto", "json", "console"], Meta(description="auto, json or console")] = "auto"


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """All settings, by section."""

    engine: EngineSettings = EngineSettings()
    serve: ServeSettings = ServeSettings()
    http: HttpSettings = HttpSettings()
    core_local: CoreLocalSettings = CoreLocalSettings()
    logging: LoggingSettings = LoggingSettings()


SECTIONS: dict[str, type[msgspec.Struct]] = {
    field.name: type(field.default) for field in msgspec.structs.fields(Settings)
}
"""The class of each section, by its name."""


def fields_of(section: str) -> dict[str, msgspec.structs.FieldInfo]:
    """Return the settings of a section, by name."""
    return {field.name: field for field in msgspec.structs.fields(SECTIONS[section])}


def expected(section: str, key: str) -> str:
    """Return in words what a setting takes."""
    for note in getattr(fields_of(section)[key].type, "__metadata__", ()):
        if isinstance(note, Meta) and note.description is not None:
            return note.description
    raise LookupError(f"{section}.{key} has no description")
