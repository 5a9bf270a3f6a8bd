"""Reads the native dialect, which is Attune's."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import PurePath
from typing import cast, get_args

from stretto.definitions.dialects.deadlines import read_deadlines, read_seconds
from stretto.definitions.dialects.event_waits import check_names
from stretto.definitions.dialects.native_graph import check_graph
from stretto.definitions.dialects.native_tasks import (
    IGNORED_FIELDS,
    KEPT_FIELDS,
    read_assignments,
    read_tasks,
)
from stretto.definitions.dialects.parameters import read_parameters
from stretto.definitions.dialects.pools import read_pool
from stretto.definitions.dialects.reading import Fields, Reader
from stretto.definitions.expressions import Site, Template
from stretto.definitions.model import Assignment, CancellationPolicy, Resources, Task, Workflow
from stretto.definitions.source import MapNode, Node, to_data


def read_native(reader: Reader, root: Node) -> Workflow | None:
    """Return the workflow of a document without the parts that cannot be read, or None."""
    node = reader.mapping(root, "a workflow")
    if node is None:
        return None
    fields = Fields(reader, node, "the workflow")
    texts = dict.fromkeys(("ref", "label", "description", "version"), "")
    for name in texts:
        for member, what in fields.given(name):
            texts[name] = reader.text(member, what) or ""
    if "version" not in node.members:
        reader.warn("missing_version", "the workflow has no version", node.place, hint='write version: "1.0.0"')
    parameters = {p.name: p for member, _ in fields.given("parameters") for p in read_parameters(reader, member)}
    variables = tuple(
        a for member, what in fields.given("vars") for a in read_assignments(reader, member, what, Site())
    )
    tags = tuple(
        reader.text(tag, "a tag") or ""
        for member, what in fields.given("tags")
        for tag in reader.sequence(member, what)
    )
    tasks = read_tasks(reader, fields)
    for member, what in fields.given("runs_on"):
        tasks = _all_in(*read_pool(reader, member, what, Site()), tasks)
    output = next(
        (
            tuple(_output(reader, mapping))
            for member, what in fields.given("output_map")
            if (mapping := reader.mapping(member, what)) is not None
        ),
        None,
    )
    timeout_node, timeout = next(
        ((member, read_seconds(reader, member, what)) for member, what in fields.given("timeout")), (None, None)
    )
    deadlines = read_deadlines(reader, fields)
    on_cancel = next((_on_cancel(reader, member, what, tasks) for member, what in fields.given("on_cancel")), None)
    policy = "allow_finish"
    for member, what in fields.given("cancellation_policy"):
        policy = reader.choice(member, what, get_args(CancellationPolicy)) or policy
    fail_fast = any(reader.boolean(member, what) for member, what in fields.given("fail_fast"))
    metadata = {
        name: to_data(member) for name in sorted(KEPT_FIELDS - {"description"}) for member, _ in fields.given(name)
    }
    fields.finish(_explain_workflow_field)
    check_graph(reader, tasks, on_cancel)
    check_names(reader, variables, tasks)
    return Workflow(
        ref=texts["ref"] or PurePath(reader.file).stem,
        parameters=parameters,
        variables=variables,
        tasks=tasks,
        output=output,
        cancellation_policy=cast("CancellationPolicy", policy),
        fail_fast=fail_fast,
        timeout=timeout,
        timeout_place=timeout_node.place if timeout_node is not None else None,
        deadlines=deadlines,
        on_cancel=on_cancel,
        file=reader.file,
        label=texts["label"],
        description=texts["description"],
        version=texts["version"],
        tags=tags,
        metadata=metadata,
        warnings=tuple(finding for finding in reader.findings if finding.severity == "warning"),
    )


def _all_in(pool: Template | None, needs: Resources | None, tasks: dict[str, Task]) -> dict[str, Task]:
    """Return tasks that run in a pool, unless they name one themselves or run nothing."""
    return {
        name: replace(task, runs_on=pool, needs=needs) if task.runs_on is None and task.action is not None else task
        for name, task in tasks.items()
    }


def _on_cancel(reader: Reader, node: Node, what: str, tasks: dict[str, Task]) -> str | None:
    name = reader.text(node, what)
    if name is None or name in tasks:
        return name
    reader.error(
        "unknown_task", f"{what} names {name!r}, which does not exist", node.place, hint=reader.nearest(name, tasks)
    )
    return None


def _explain_workflow_field(name: str) -> tuple[str, str, str] | None:
    if name == "name":
        return (
            "warning",
            "ignored_field",
            "'name' has no effect; write 'ref' for the name that runs use, and 'label' for people",
        )
    if IGNORED_FIELDS.match(name):
        return "warning", "ignored_field", f"{name!r} is known, but has no effect in Stretto"
    return None


def _output(reader: Reader, node: MapNode) -> Iterator[Assignment]:
    for name, member in node.members.items():
        yield Assignment(name, reader.template(member, Site()), node.keys.get(name, member.place))
