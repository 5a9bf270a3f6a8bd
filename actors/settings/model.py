"""All settings, with their types and defaults. The description of a type says what is expected, for people."""

from ipaddress import ip_network
from typing import Annotated, Literal
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from stretto.actors.actions import (
    LINK_LOCAL_AND_METADATA,
    MAX_HTTP_CONNECTIONS,
    MAX_PROCESS_BYTES,
    MAX_REMOTE_HOSTS,
    MAX_REMOTE_OUTPUT_BYTES,
    MAX_RETRY_AFTER_SECONDS,
)
from stretto.actors.settings.common_types import Count, Texts
from stretto.actors.settings.inquiries import InquirySettings
from stretto.actors.settings.keys import KvSettings
from stretto.actors.settings.pool import HERE, PoolSettings
from stretto.actors.settings.sensors import SensorSettings
from stretto.definitions.expressions import DEFAULT_LIMITS, LEAST_MAX_BYTES, LEAST_MAX_COST, MOST, ExpressionLimits
from stretto.definitions.rules import MAX_MATCH_UNITS, MAX_UNMATCHED_WAITS

# Defined here, because the import of Engine takes as long as the rest of `stretto config show`.
MAX_ITEMS_IN_FLIGHT = 1024
MAX_RUNS = 100_000
MAX_RESULT_BYTES = 64 * 1024 * 1024
MAX_OUTPUT_BYTES = 64 * 1024 * 1024
THREADS = 16
MAX_THREADS_LEFT_BEHIND = 64
PACK_WORKERS = 16
MAX_PACK_ACTIONS = 5_000
LEAST_PROCESS_BYTES = 64 * 1024 * 1024  # An interpreter of Python starts in half of it.
WORKER_CALLS = 10_000
WORKER_IDLE_SECONDS = 60.0
PORT = 8420
MAX_REQUESTS_OF_A_CLIENT = 64
DRAIN_SECONDS = 30.0
HEADER_NAME = r"^[A-Za-z0-9-]{1,64}$"
"""A header that a proxy may name users in: letters, digits and hyphens."""

Networks = Annotated[tuple[str, ...], Meta(description="a list of addresses or networks, such as 10.0.0.0/8")]
Folders = Annotated[
    tuple[Annotated[str, Meta(min_length=1)], ...], Meta(description="a list of folders, each with a path")
]
Days = Annotated[Annotated[float, Meta(ge=0)] | None, Meta(description="a number of days, at least 0, or null")]
File = Annotated[Annotated[str, Meta(min_length=1)] | None, Meta(description="a file's path, or null")]
Text = Annotated[str, Meta(description="a text")]


class EngineSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The section `engine`.

    Attributes:
        definitions: Files and folders of workflow definitions.
        actions: Modules and files of actions.
        packs: Folders of packs.
        pack_config: A YAML file with the packs' configuration, or a folder with a file for each pack.
        keystore: A YAML file with secrets by name.
        artifacts: The folder of files that actions of Attune's packs leave for others.
        store: The URL of the store. Without a store, runs are lost when the daemon ends.
        store_key: The file with the keys of the store.
        store_lease: After how many seconds other daemons take over the runs of this one, if it has not written the
            store, which is in PostgreSQL. None lets no other daemon open the store.
        retain_days: How many days an ended run is kept. None keeps it forever.
        retain_runs: How many ended runs are kept. None keeps all.
        max_items_in_flight: How many items run at a time.
        max_runs: How many runs are in progress at a time. A new run above that is refused.
        max_result_bytes: How many bytes the JSON text of one action's result may have.
        max_output_bytes: How many bytes that the actions of one run print and log are kept.
        threads: How many threads run plain functions.
        max_threads_left_behind: How many of them are replaced while their function hangs, its item having ended.
        workers: How many processes run isolated functions. None is one a core.
        max_worker_bytes: How many bytes of memory such a process may take. None is no limit.
        pack_workers: How many processes are kept for packs' Python actions.
        max_pack_process_bytes: How many bytes of memory such a process, or one of a pack's other actions, may take.
        max_pack_actions: How many actions a pack may have.
        worker_calls: How many calls a kept process takes, of either kind. Then a new one takes its place.
        worker_idle_seconds: How many seconds it is kept without a call.
        dispatchers: How many threads run the engine's actors.
        runs_on: The pool of tasks that name none, or `here`, the daemon itself.
    """

    definitions: Texts = ()
    actions: Texts = ()
    packs: Texts = ()
    pack_config: Annotated[str | None, Meta(description="a file's path, or null")] = None
    keystore: Annotated[str | None, Meta(description="a file's path, or null")] = None
    artifacts: Annotated[str | None, Meta(description="a folder's path, or null")] = None
    store: Annotated[str | None, Meta(description="a store's URL, or null")] = None
    store_key: Annotated[str | None, Meta(description="a file's path, or null")] = None
    store_lease: Annotated[
        Annotated[float, Meta(ge=1, le=3600)] | None,
        Meta(description="a number of seconds from 1 to 3,600, or null"),
    ] = None
    retain_days: Days = None
    retain_runs: Annotated[
        Annotated[int, Meta(ge=0)] | None, Meta(description="a whole number, at least 0, or null")
    ] = None
    max_items_in_flight: Count = MAX_ITEMS_IN_FLIGHT
    max_runs: Count = MAX_RUNS
    max_result_bytes: Count = MAX_RESULT_BYTES
    max_output_bytes: Count = MAX_OUTPUT_BYTES
    threads: Count = THREADS
    max_threads_left_behind: Annotated[int, Meta(ge=0, description="a whole number, at least 0")] = (
        MAX_THREADS_LEFT_BEHIND
    )
    workers: Annotated[Annotated[int, Meta(ge=1)] | None, Meta(description="a whole number, at least 1, or null")] = (
        None
    )
    max_worker_bytes: Annotated[
        Annotated[int, Meta(ge=1)] | None, Meta(description="a whole number, at least 1, or null")
    ] = None
    pack_workers: Count = PACK_WORKERS
    max_pack_process_bytes: Annotated[
        int, Meta(ge=LEAST_PROCESS_BYTES, description=f"a whole number, at least {LEAST_PROCESS_BYTES:,}")
    ] = MAX_PROCESS_BYTES
    max_pack_actions: Count = MAX_PACK_ACTIONS
    worker_calls: Count = WORKER_CALLS
    worker_idle_seconds: Annotated[float, Meta(ge=0, description="a number of seconds, at least 0")] = (
        WORKER_IDLE_SECONDS
    )
    dispatchers: Count = 1
    runs_on: Annotated[str, Meta(min_length=1, description="the name of a pool, or here")] = HERE


class ServeSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The section `serve`.

    Attributes:
        host: The address of probes and metrics.
        port: The port of probes and metrics. 0 takes any free port.
        hosts: Names by which clients may call the port, besides its address, localhost and that of `public_url`.
        public_url: The URL by which clients call the daemon, through a proxy or by its name. Links begin with it.
        tls_cert: The file with the port's certificate and its chain, in PEM form. None serves without TLS.
        tls_key: The file with the certificate's key, in PEM form.
        behind_proxy: The addresses and networks of the proxies whose X-Forwarded headers are read.
        proxy_user_header: The header in which they name the user, for the audit.
        open_metrics: Whether metrics and probes are for everybody who reaches the port.
        insecure_bind: Whether `host` may be an address that other machines reach without TLS and a proxy.
        socket_group: The group whose members may use the socket, by name or number.
        socket_group_role: The role of its members.
        socket: The path of the UNIX socket for requests. None chooses a path by the user.
        tokens_file: The file of tokens of a daemon without a store. With a store, tokens are in it.
        max_requests_of_a_client: How many requests of one client are answered at a time.
        max_requests_per_second: How many requests one client may send in a second. None sets no bound.
        watch: Whether changed definitions are reloaded.
        drain_seconds: How long running items may take to end when the daemon stops.
    """

    host: Text = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65_535, description="a port, 0 to 65535")] = PORT
    hosts: Annotated[tuple[str, ...], Meta(description="a list of host names")] = ()
    public_url: Annotated[
        str | None, Meta(description="a URL without a path, such as https://stretto.example.com, or null")
    ] = None
    tls_cert: File = None
    tls_key: File = None
    behind_proxy: Networks = ()
    proxy_user_header: Annotated[
        Annotated[str, Meta(pattern=HEADER_NAME)] | None, Meta(description="the name of a header, or null")
    ] = None
    open_metrics: Annotated[bool, Meta(description="true or false")] = False
    insecure_bind: Annotated[bool, Meta(description="true or false")] = False
    socket: Annotated[str | None, Meta(description="a path, or null")] = None
    socket_group: Annotated[
        Annotated[str, Meta(min_length=1)] | None,
        Meta(description="the name of a group, or its number in quotes, or null"),
    ] = None
    socket_group_role: Annotated[
        Literal["viewer", "operator", "admin"], Meta(description="viewer, operator or admin")
    ] = "operator"
    tokens_file: File = None
    max_requests_of_a_client: Count = MAX_REQUESTS_OF_A_CLIENT
    max_requests_per_second: Annotated[
        Annotated[float, Meta(ge=0.01)] | None, Meta(description="a number, at least 0.01, or null")
    ] = None
    watch: Annotated[bool, Meta(description="true or false")] = True
    drain_seconds: Annotated[float, Meta(ge=0, description="a number of seconds, at least 0")] = DRAIN_SECONDS

    def __post_init__(self) -> None:
        """Refuse invalid networks and URLs. msgspec reports the ValueError as it reports a wrong type."""
        for text in self.behind_proxy:
            ip_network(text)
        if self.public_url is not None:
            _check_public_url(self.public_url)


def _check_public_url(url: str) -> None:
    parts = urlsplit(url)
    extra = parts.path.strip("/") or parts.query or parts.fragment or parts.username is not None
    # The port is None without one, and raises a ValueError if it is not one.
    if parts.scheme not in {"http", "https"} or not parts.hostname or extra or parts.port == 0:
        raise ValueError(url)


class HttpSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The section `http`.

    Attributes:
        deny: The networks that core.http refuses.
        allow: The exceptions from them.
        max_retry_after: The longest wait before a retry, in seconds, that a server can ask for.
        max_connections: The connections that core.http has open at a time. More requests wait for one.
    """

    deny: Networks = tuple(map(str, LINK_LOCAL_AND_METADATA))
    allow: Networks = ()
    max_retry_after: Annotated[float, Meta(ge=0, le=86_400, description="a number of seconds from 0 to 86400")] = (
        MAX_RETRY_AFTER_SECONDS
    )
    max_connections: Annotated[int, Meta(ge=1, le=65_536, description="a whole number from 1 to 65,536")] = (
        MAX_HTTP_CONNECTIONS
    )

    def __post_init__(self) -> None:
        """Refuse invalid networks. msgspec reports the ValueError as it reports a wrong type."""
        for text in (*self.deny, *self.allow):
            ip_network(text)


class RemoteSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The section `remote`: the limits on one call of core.remote.

    Attributes:
        max_hosts: Its hosts.
        max_output_bytes: The bytes of both outputs of all hosts that are kept. Hosts have equal parts.
    """

    max_hosts: Count = MAX_REMOTE_HOSTS
    max_output_bytes: Count = MAX_REMOTE_OUTPUT_BYTES


def _limit(least: int) -> Meta:
    return Meta(ge=least, le=MOST, description=f"a whole number from {least:,} to {MOST:,}")


class ExpressionsSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The section `expressions`: the limits on the expressions of new runs. A run in the store keeps those it had.

    Attributes:
        max_cost: The units of work of one evaluation. A unit is about 0.1 us. An event's expressions share twice that.
        max_bytes: The bytes of new texts, lists and objects of one evaluation. An event's expressions share twice that.
    """

    max_cost: Annotated[int, _limit(LEAST_MAX_COST)] = DEFAULT_LIMITS.max_cost
    max_bytes: Annotated[int, _limit(LEAST_MAX_BYTES)] = DEFAULT_LIMITS.max_bytes

    def as_limits(self) -> ExpressionLimits:
        """Return the limits, as runs record them."""
        return ExpressionLimits(self.max_cost, self.max_bytes)


class CoreLocalSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The section `core_local`. `rendered_cmd` is for commands with expressions in Orquesta definitions."""

    rendered_cmd: Annotated[Literal["owner", "allow", "refuse"], Meta(description="owner, allow or refuse")] = "owner"


class PacksSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The section `packs`.

    Attributes:
        run_as: The user as whom processes of packs run, or None for the daemon's own.
    """

    run_as: Annotated[str | None, Meta(description="the name of a user of this system, or null")] = None


class FilesSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The section `files`: the folders below which remote clients may choose files to `read` and to `write`.

    Below the `shared` folders, all daemons have the same files. The others are on one `host`, None for this machine.
    """

    read: Folders = ()
    write: Folders = ()
    shared: Folders = ()
    host: Annotated[str | None, Meta(description="the name of a host, or null")] = None


class AuditSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The section `audit`. `retain_days` is how many days an entry is kept in the store, or None for ever."""

    retain_days: Days = None


class EventSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The section `events`.

    Attributes:
        retain_days: The days that an event is kept.
        max_unmatched_waits: The items that may wait for one type without `match`.
        max_match_units: The units of work of all rules that one event is matched with.
    """

    retain_days: Days = None
    max_unmatched_waits: Count = MAX_UNMATCHED_WAITS
    max_match_units: Count = MAX_MATCH_UNITS


class LoggingSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The section `logging`: the lowest level that is logged, and the form of the lines."""

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
    expressions: ExpressionsSettings = ExpressionsSettings()
    core_local: CoreLocalSettings = CoreLocalSettings()
    packs: PacksSettings = PacksSettings()
    remote: RemoteSettings = RemoteSettings()
    files: FilesSettings = FilesSettings()
    audit: AuditSettings = AuditSettings()
    events: EventSettings = EventSettings()
    inquiries: InquirySettings = InquirySettings()
    sensors: SensorSettings = SensorSettings()
    kv: KvSettings = KvSettings()
    logging: LoggingSettings = LoggingSettings()
    pools: dict[str, PoolSettings] = {}


SECTIONS: dict[str, type[msgspec.Struct]] = {
    field.name: type(field.default) for field in msgspec.structs.fields(Settings) if field.name != "pools"
}
"""The class of each section with settings of fixed names, by its name."""


def fields_of(section: str) -> dict[str, msgspec.structs.FieldInfo]:
    """Return the settings of a section, by name."""
    return {field.name: field for field in msgspec.structs.fields(SECTIONS[section])}
