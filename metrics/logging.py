"""Logging for people and machines, with structlog configured in one place.

    stretto, actions --> structlog --> call ids, time, level --.
                                                               |--> JSON line or console line --> one stream
    pykka, asyncio, any `logging` user --> root handler-'

Inside this module `logging` is the standard library's module.
"""

import json
import logging
import os
import sys
from collections import deque
from collections.abc import Callable, Mapping, MutableMapping
from contextlib import suppress
from contextvars import ContextVar
from threading import Lock
from types import MappingProxyType
from typing import Any, Literal, TextIO, cast
from weakref import WeakSet

import msgspec
import structlog
from structlog.typing import EventDict, FilteringBoundLogger, Processor

from stretto.metrics.warnings_kept import keep_warning

Style = Literal["auto", "json", "console"]

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
_NUMBERS = logging.getLevelNamesMapping()
# Pykka logs each exception that it returns to a caller at INFO with a traceback. Actions may use httpx, which logs the
# URL of each request at INFO, and httpcore, which logs its headers at DEBUG: both may hold secrets.
_NOISY_LOGGERS = ("pykka", "httpx", "httpcore", "alembic")


class CallIds(msgspec.Struct, frozen=True, gc=False):
    """The run, workflow, task and item of a call. `item_index` is None for a task without items."""

    run_id: str
    workflow: str
    task: str
    item_index: int | None

    def as_fields(self) -> dict[str, Any]:
        """Return the ids as fields of a log line."""
        return msgspec.structs.asdict(self)


# Set around each call of an action. That takes 0.1 us, and structlog's bound_contextvars would take several.
call_ids: ContextVar[CallIds | None] = ContextVar("stretto_call_ids", default=None)


request_id: ContextVar[str | None] = ContextVar("stretto_request_id", default=None)
"""The id of the HTTP request that is being answered."""


MAX_MASKED_ENDED = 256
"""How many ended runs stay masked in the log, because actions that were left behind may still write."""

_masked_runs: dict[str, Callable[[Any], Any]] = {}
_ended_runs: deque[str] = deque()


def mask_run(run_id: str, mask: Callable[[Any], Any]) -> None:
    """Mask the secrets in all log lines of a run.

    Args:
        run_id: The run.
        mask: Returns a value without the run's secrets.
    """
    _masked_runs[run_id] = mask


def unmask_run(run_id: str) -> None:
    """Forget the mask of an ended run, once `MAX_MASKED_ENDED` later runs have ended."""
    if run_id not in _masked_runs:
        return
    _ended_runs.append(run_id)
    if len(_ended_runs) > MAX_MASKED_ENDED:
        _masked_runs.pop(_ended_runs.popleft(), None)


_OWN_FIELDS = frozenset({"timestamp", "level", "logger", "run_id", "workflow", "task", "item_index"})


def _mask(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Mask the secrets of a line's run. Exceptions have been rendered to text before."""
    mask = _masked_runs.get(str(event.get("run_id"))) if _masked_runs else None
    if mask is not None:
        for field, value in event.items():
            if field not in _OWN_FIELDS:
                event[field] = mask(value)
    return event


class _Output:
    """The destination of all lines, one at a time. Its stream can change while loggers keep the output."""

    def __init__(self) -> None:
        self._lock = Lock()
        self.stream: TextIO = sys.stderr
        self.level = logging.NOTSET
        """The lowest level of structlog's lines that any logger shows."""

    def write_line(self, line: str) -> None:
        # A broken log (a closed pipe, a closed stream, a full disk) must not fail the run that writes to it, and there
        # is no other place to report the error.
        with self._lock, suppress(OSError, ValueError):
            try:
                self.stream.write(f"{line}\n")
            except UnicodeEncodeError:
                self.stream.write(f"{line.encode('ascii', 'backslashreplace').decode('ascii')}\n")
            self.stream.flush()


class _LineLogger:
    """Receives structlog's rendered lines. `add_logger_name` reads its `name`."""

    __slots__ = ("name",)

    def __init__(self, name: str = "root") -> None:
        self.name = name

    def msg(self, line: str) -> None:
        _output.write_line(line)

    debug = info = warning = error = critical = msg


class _LineHandler(logging.Handler):
    """Receives the records of the standard library's loggers."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = self.format(record)
        except Exception:  # noqa: BLE001 - by logging's contract a bad record is reported, never raised to its caller
            self.handleError(record)
        else:
            _output.write_line(line)


# One of each for the process. A second configuration changes these, so it cannot duplicate lines.
_output = _Output()
_handler = _LineHandler()
_processors: list[Processor] = []
_loggers: WeakSet[Any] = WeakSet()


class LoggerStyle(msgspec.Struct, frozen=True):
    """How one of structlog's loggers differs from all others.

    Attributes:
        level: Its lowest level to show.
        render: Returns its line for an event, whose secrets are masked. None stands for the line of other loggers.
    """

    level: str
    render: Callable[[EventDict], str | None]


def configure_logging(
    level: str = "INFO",
    stream: TextIO | None = None,
    *,
    style: Style = "auto",
    loggers: Mapping[str, LoggerStyle] = MappingProxyType({}),
) -> None:
    """Send all logs of this process, structlog's and the standard library's, to one stream.

    A later call replaces the configuration.

    Args:
        level: The lowest level to show. Pykka and httpx show at least WARNING.
        stream: The stream, by default standard error.
        style: "json" for one JSON object a line, "console" for lines to read (with colours on a terminal unless
            NO_COLOR is set), or "auto" for "console" on a terminal and "json" elsewhere.
        loggers: The loggers that have a level and lines of their own, by name.

    Raises:
        ValueError: The level is not one of DEBUG, INFO, WARNING, ERROR, CRITICAL.
    """
    level = level.upper()
    if level not in LEVELS:
        raise ValueError(f"level must be one of {', '.join(LEVELS)}, got {level!r}")
    stream = stream or sys.stderr
    enrich = _enriching_processors()
    render = _rendering_processors(stream, style)
    _output.stream = stream
    if loggers:
        _configure_structlog(
            min(level, *(each.level for each in loggers.values()), key=_NUMBERS.__getitem__),
            [_dropping_below(level, loggers), *enrich, *render[:-1], _rendering_by_logger(loggers, render[-1])],
        )
    else:
        _configure_structlog(level, [*enrich, *render])
    _configure_standard_library(level, enrich, render)


def get_logger(name: str) -> FilteringBoundLogger:
    """Return a logger that follows later calls of `configure_logging`.

    A logger of structlog's get_logger does not, because it caches its level at the first use.

    Args:
        name: The value of the field `logger` in the logger's lines.
    """
    logger = structlog.get_logger(name)
    _loggers.add(logger)
    return cast("FilteringBoundLogger", logger)


def shows_info() -> bool:
    """Return whether lines of level INFO may be shown.

    It takes a fifth of the time of a line that is not shown, for callers that log some in each run.
    """
    return _output.level <= logging.INFO


def _configure_structlog(level: str, processors: list[Processor]) -> None:
    _output.level = _NUMBERS[level]
    # Changed in place, because cached loggers hold this very list.
    _processors[:] = processors
    structlog.configure(
        processors=_processors,
        wrapper_class=structlog.make_filtering_bound_logger(_NUMBERS[level]),
        logger_factory=_LineLogger,
        cache_logger_on_first_use=True,
    )
    for logger in tuple(_loggers):
        # structlog caches a logger by shadowing its proxy's `bind`. Without the shadow, the next line makes a new one.
        vars(logger).pop("bind", None)


def _configure_standard_library(level: str, enrich: list[Processor], render: list[Processor]) -> None:
    _handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.ExtraAdder(), _drop_marks_of_other_handlers, *enrich],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *render],
        )
    )
    root = logging.getLogger()
    root.addHandler(_handler)
    root.setLevel(level)
    for name in _NOISY_LOGGERS:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))


def _dropping_below(level: str, loggers: Mapping[str, LoggerStyle]) -> Processor:
    """Return the processor that applies each logger's level. structlog itself has applied the lowest one."""
    levels = {name: _NUMBERS[each.level] for name, each in loggers.items()}
    general = _NUMBERS[level]

    def drop(logger: _LineLogger, method: str, event: EventDict) -> EventDict:
        if _NUMBERS.get(method.upper(), general) < levels.get(logger.name, general):
            raise structlog.DropEvent
        return event

    return drop


def _rendering_by_logger(loggers: Mapping[str, LoggerStyle], render: Processor) -> Processor:
    def choose(logger: _LineLogger, method: str, event: EventDict) -> Any:
        own = loggers[logger.name].render(event) if logger.name in loggers else None
        return render(logger, method, event) if own is None else own

    return choose


def _enriching_processors() -> list[Processor]:
    return [
        _add_call_ids,
        structlog.stdlib.add_logger_name,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]


def _rendering_processors(stream: TextIO, style: Style) -> list[Processor]:
    terminal = stream.isatty()
    if style == "console" or (style == "auto" and terminal):
        return [
            structlog.processors.format_exc_info,
            _mask,
            keep_warning,
            _make_printable,
            structlog.dev.ConsoleRenderer(
                colors=terminal and not os.environ.get("NO_COLOR"),
                # The default prints local variables, which may hold secrets, if Rich is installed.
                exception_formatter=structlog.dev.plain_traceback,
            ),
        ]
    return [structlog.processors.format_exc_info, _mask, keep_warning, _render_json]


def _add_call_ids(_logger: object, _method: str, event: EventDict) -> EventDict:
    ids = call_ids.get()
    if ids is not None:
        for field, value in ids.as_fields().items():
            if value is not None:
                event.setdefault(field, value)
    request = request_id.get()
    if request is not None:
        event.setdefault("request", request)
    return event


def _drop_marks_of_other_handlers(_logger: object, _method: str, event: EventDict) -> EventDict:
    # Standard formatters leave these two on the record, where they look like extra fields. They cannot be extra
    # fields, because logging refuses them as `extra`.
    event.pop("message", None)
    event.pop("asctime", None)
    return event


def _make_printable(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Replace what could command a terminal in texts. The renderer shows all other values by their repr."""
    for field, value in event.items():
        if isinstance(value, str) and not value.isprintable():
            event[field] = "".join(
                each if each.isprintable() or each in "\n\t" else "\N{REPLACEMENT CHARACTER}" for each in value
            )
    return event


_encode = msgspec.json.Encoder(enc_hook=str).encode


def _render_json(_logger: object, _method: str, event: MutableMapping[str, Any]) -> str:
    try:
        return _encode(event).decode()
    except Exception:  # noqa: BLE001 - the line must be written for any fields
        # Odd keys, lone surrogates, integers over 64 bits, values that contain themselves or have a broken repr.
        return json.dumps({str(key): _as_plain_json(value) for key, value in event.items()})


def _as_plain_json(value: object) -> object:
    try:
        return json.loads(_encode(value))
    except Exception:  # noqa: BLE001 - as above
        with suppress(Exception):
            return repr(value)
        return f"<{type(value).__name__} without a repr>"
