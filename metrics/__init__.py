"""What an operator sees of Stretto: metrics and logs. Knows nothing of actors or definitions.

    actors --counts, batches of seconds--> Instruments --.
                                                         |--> registry --> MetricsServer --> Prometheus
    actors <--callables, at each scrape--- gauges -------'                 (or `expose`, under another server)

    actors, actions --structlog events--.
    pykka, httpx ... --logging records--+--> configure_logging's one chain --> one stream
    call_ids (what an action runs for) -'

Metrics: `catalogue` names them all, `Instruments` counts them, `exposition` shows them.
Logs: `logging` sets structlog and the standard library up together.
"""

from stretto.metrics.catalogue import ITEM_STATUSES, RUN_STATUSES, TASK_STATUSES
from stretto.metrics.counter import Counter
from stretto.metrics.exposition import CannotExpose, Exposition, MetricsServer, expose
from stretto.metrics.histogram import Histogram
from stretto.metrics.instruments import Instruments, TaskInstruments, WorkflowInstruments
from stretto.metrics.logging import CallIds, call_ids, configure_logging, get_logger

__all__ = [
    "ITEM_STATUSES",
    "RUN_STATUSES",
    "TASK_STATUSES",
    "CallIds",
    "CannotExpose",
    "Counter",
    "Exposition",
    "Histogram",
    "Instruments",
    "MetricsServer",
    "TaskInstruments",
    "WorkflowInstruments",
    "call_ids",
    "configure_logging",
    "expose",
    "get_logger",
]
