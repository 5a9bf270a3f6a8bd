"""Answering a request from a store, without an engine."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from stretto.actors.events import stored_event, stored_events
from stretto.actors.history import (
    context_value,
    count_runs,
    group_errors,
    list_entries,
    list_error_items,
    list_inquiries,
    list_tasks,
    list_versions,
    map_items,
    preview_cancel,
    preview_prune,
    preview_rerun,
    reports,
    show_context,
    show_inquiry,
    show_item,
    show_task,
    show_timeline,
)
from stretto.actors.journal import Reader
from stretto.actors.kv import key_value, list_keys, show_key
from stretto.actors.operations import events, inquiries, keys, requests, retention
from stretto.actors.operations.answers import Answer
from stretto.actors.operations.base import Request
from stretto.actors.operations.table import OPERATIONS, arguments_of

REPORTS: Final[Mapping[type[Request], Callable[..., Any]]] = {
    requests.Status: reports.status_of,
    requests.Runs: reports.list_runs,
    requests.FindRun: reports.find_run,
    requests.Run: reports.show_run,
    requests.Items: reports.list_items,
    requests.Item: show_item,
    requests.ItemOutput: reports.item_output,
    requests.Why: reports.why,
    requests.Audit: reports.list_audit,
    requests.Errors: group_errors,
    requests.ErrorItems: list_error_items,
    requests.History: list_entries,
    requests.RunDefinition: reports.show_definition,
    requests.RunCounts: count_runs,
    requests.Cells: map_items,
    requests.Tasks: list_tasks,
    requests.Task: show_task,
    requests.PreviewCancel: preview_cancel,
    requests.PreviewRerun: preview_rerun,
    retention.PreviewPrune: preview_prune,
    requests.Context: show_context,
    requests.ContextValue: context_value,
    requests.ContextVersions: list_versions,
    requests.Timeline: show_timeline,
    inquiries.Inquiries: list_inquiries,
    inquiries.ShowInquiry: show_inquiry,
    events.Events: stored_events,
    events.ShowEvent: stored_event,
    keys.Keys: list_keys,
    keys.Key: show_key,
    keys.KeyValue: key_value,
}
"""The requests that a store answers, each with its report."""


def report(reader: Reader, request: Request) -> Answer:
    """Return a store's answer to a request of `REPORTS`. Raises what the report raises."""
    run, fields = arguments_of(request)
    return OPERATIONS[type(request)].answer(REPORTS[type(request)](reader, *run, **fields))
