"""Metrics and logs for operators. This package does not import actors or definitions.

    actors --counts, batches of seconds--> Instruments --.
                                                         |--> registry --> MetricsServer --> Prometheus
    actors <--callables, at each scrape--- gauges -------'                 (or `expose`, in another server)

    actors, actions --structlog events--.
    pykka ... --logging records---------+--> configure_logging's one chain --> one stream
    call_ids (of the action that runs) -'

Metrics: `catalogue` names them, `Instruments` counts them, `exposition` serves them.
Logs: `logging` configures structlog and the standard library together, `warnings_kept` keeps the last warnings.
"""

from stretto.metrics.catalogue import ITEM_STATUSES, RUN_STATUSES, TASK_STATUSES
from stretto.metrics.counter import Counter
from stretto.metrics.events import EventFigures
from stretto.metrics.exposition import CannotExpose, Exposition, MetricsServer, expose
from stretto.metrics.figures import Figures
from stretto.metrics.histogram import Histogram
from stretto.metrics.http import HttpInstruments
from stretto.metrics.instruments import MAX_WORKFLOWS, Instruments, TaskInstruments, WorkflowInstruments
from stretto.metrics.logging import (
    CallIds,
    LoggerStyle,
    call_ids,
    configure_logging,
    get_logger,
    mask_run,
    request_id,
    shows_info,
    unmask_run,
)
from stretto.metrics.pools import PoolFigures, batch_histogram, wait_histogram
from stretto.metrics.schedules import ScheduleFigures
from stretto.metrics.sensors import SensorFigures
from stretto.metrics.warnings_kept import KeptWarning, last_warnings

__all__ = [
    "ITEM_STATUSES",
    "MAX_WORKFLOWS",
    "RUN_STATUSES",
    "TASK_STATUSES",
    "CallIds",
    "CannotExpose",
    "Counter",
    "EventFigures",
    "Exposition",
    "Figures",
    "Histogram",
    "HttpInstruments",
    "Instruments",
    "KeptWarning",
    "LoggerStyle",
    "MetricsServer",
    "PoolFigures",
    "ScheduleFigures",
    "SensorFigures",
    "TaskInstruments",
    "WorkflowInstruments",
    "batch_histogram",
    "call_ids",
    "configure_logging",
    "expose",
    "get_logger",
    "last_warnings",
    "mask_run",
    "request_id",
    "shows_info",
    "unmask_run",
    "wait_histogram",
]
