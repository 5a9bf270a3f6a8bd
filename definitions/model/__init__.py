"""The workflow model that all dialects share: tasks, transitions, parameters, graph and semantics."""

from typing import TYPE_CHECKING

from stretto.definitions.lazy_face import lazy_face

if TYPE_CHECKING:
    from stretto.definitions.model.answer_schema import (
        InvalidAnswerSchema,
        as_object_schema,
        read_answer_schema,
        secret_values,
    )
    from stretto.definitions.model.casting import cast
    from stretto.definitions.model.derived import once_per_workflow
    from stretto.definitions.model.graph import EDGES, Edge, Graph, cyclic_tasks, following, graph_of, reachable_from
    from stretto.definitions.model.json_schema import inputs_schema, parameter_schema, parameters_schema
    from stretto.definitions.model.parameters import bind, problems_of
    from stretto.definitions.model.priorities import NORMAL, NORMAL_WEIGHT, PRIORITIES, Priority, weight_of
    from stretto.definitions.model.resources import Resources
    from stretto.definitions.model.semantics import COMMANDS, NATIVE, ORQUESTA, ST2, CoreActions, Semantics
    from stretto.definitions.model.waiting import INQUIRIES, MAX_WAIT_SECONDS, WAITING_ACTIONS, may_ask
    from stretto.definitions.model.workflow import (
        Assignment,
        Backoff,
        CancellationPolicy,
        DeadlinePolicy,
        Deadlines,
        Delivery,
        KeyLimit,
        OnBadLine,
        Parameter,
        ParameterType,
        RateLimit,
        Retry,
        Share,
        SourceKind,
        Task,
        Transition,
        WithItems,
        Workflow,
    )
else:
    __getattr__ = lazy_face(
        __name__,
        {
            "answer_schema": "InvalidAnswerSchema as_object_schema read_answer_schema secret_values",
            "casting": "cast",
            "derived": "once_per_workflow",
            "graph": "EDGES Edge Graph cyclic_tasks following graph_of reachable_from",
            "json_schema": "inputs_schema parameter_schema parameters_schema",
            "parameters": "bind problems_of",
            "priorities": "NORMAL NORMAL_WEIGHT PRIORITIES Priority weight_of",
            "resources": "Resources",
            "semantics": "COMMANDS CoreActions NATIVE ORQUESTA ST2 Semantics",
            "waiting": "INQUIRIES MAX_WAIT_SECONDS WAITING_ACTIONS may_ask",
            "workflow": (
                "Assignment Backoff CancellationPolicy DeadlinePolicy Deadlines Delivery KeyLimit OnBadLine Parameter "
                "ParameterType RateLimit Retry Share SourceKind Task Transition WithItems Workflow"
            ),
        },
    )

__all__ = [
    "COMMANDS",
    "EDGES",
    "INQUIRIES",
    "MAX_WAIT_SECONDS",
    "NATIVE",
    "NORMAL",
    "NORMAL_WEIGHT",
    "ORQUESTA",
    "PRIORITIES",
    "ST2",
    "WAITING_ACTIONS",
    "Assignment",
    "Backoff",
    "CancellationPolicy",
    "CoreActions",
    "DeadlinePolicy",
    "Deadlines",
    "Delivery",
    "Edge",
    "Graph",
    "InvalidAnswerSchema",
    "KeyLimit",
    "OnBadLine",
    "Parameter",
    "ParameterType",
    "Priority",
    "RateLimit",
    "Resources",
    "Retry",
    "Semantics",
    "Share",
    "SourceKind",
    "Task",
    "Transition",
    "WithItems",
    "Workflow",
    "as_object_schema",
    "bind",
    "cast",
    "cyclic_tasks",
    "following",
    "graph_of",
    "inputs_schema",
    "may_ask",
    "once_per_workflow",
    "parameter_schema",
    "parameters_schema",
    "problems_of",
    "reachable_from",
    "read_answer_schema",
    "secret_values",
    "weight_of",
]
