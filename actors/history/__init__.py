"""Stored runs read back: replay, recovery, reports, masks, and changes while no daemon runs."""

from typing import TYPE_CHECKING

from stretto.definitions.lazy_face import lazy_face

if TYPE_CHECKING:
    from stretto.actors.history.acceptance import accepted_run
    from stretto.actors.history.cells import UnknownVisit, map_items, with_states
    from stretto.actors.history.choices import UnknownStatus, checked_statuses
    from stretto.actors.history.context_versions import list_versions
    from stretto.actors.history.contexts import UnknownPath, context_value, show_context
    from stretto.actors.history.counts import count_runs
    from stretto.actors.history.ends import explain_end_of_tasks
    from stretto.actors.history.entries import KINDS, UnknownKind, list_entries
    from stretto.actors.history.error_text import error_lines, tolerated_lines
    from stretto.actors.history.failure_groups import UnknownGroup, group_errors, list_error_items
    from stretto.actors.history.inputs import ItemInput, item_input
    from stretto.actors.history.inquiries import (
        find_inquiry,
        inquiry_as_json,
        inquiry_ended_error,
        list_inquiries,
        show_inquiry,
    )
    from stretto.actors.history.item_maps import ItemMaps
    from stretto.actors.history.item_values import item_values
    from stretto.actors.history.items import is_settled, show_item
    from stretto.actors.history.kept_reports import KeptReports
    from stretto.actors.history.large import MAX_INLINE_BYTES, RUNS_PATH, is_link, link, unless_large
    from stretto.actors.history.loading import (
        EntriesRead,
        KeyKnown,
        OldRunRead,
        RunLoaded,
        RunNotLoaded,
        find_by_key,
        load,
        load_reuse_plan,
        not_loaded,
        stored_handle,
    )
    from stretto.actors.history.masks import mask_of, unless_sealed
    from stretto.actors.history.needs import missing_needs, needs_wait, no_daemon_error
    from stretto.actors.history.offline import OfflineRuns
    from stretto.actors.history.outputs import ended_output
    from stretto.actors.history.plain import (
        kept_report,
        pruned,
        token_as_json,
    )
    from stretto.actors.history.previews import count_cancelled, preview_cancel, preview_prune, preview_rerun
    from stretto.actors.history.priorities import InvalidPriority, checked_priority
    from stretto.actors.history.quarantine import not_quarantined_error, quarantined_error
    from stretto.actors.history.replay import READ_AT_ONCE, Replay, ended_outcome, outcome_for_parent
    from stretto.actors.history.reports import UnknownItem
    from stretto.actors.history.rerun_choices import RerunChoice
    from stretto.actors.history.tasks import list_tasks, show_task, task_of, tasks_of
    from stretto.actors.history.timelines import show_timeline
    from stretto.actors.history.values import item_result, run_inputs
    from stretto.actors.history.versions import run_version
    from stretto.actors.history.waits import (
        Blockers,
        ItemWait,
        KeyWait,
        PoolWait,
        RateWait,
        explain_waits,
        quarantine_wait,
        quarantined_children,
    )
    from stretto.actors.history.written_results import WrittenResults
else:
    __getattr__ = lazy_face(
        __name__,
        {
            "acceptance": "accepted_run",
            "cells": "UnknownVisit map_items with_states",
            "context_versions": "list_versions",
            "contexts": "UnknownPath context_value show_context",
            "versions": "run_version",
            "counts": "count_runs",
            "ends": "explain_end_of_tasks",
            "choices": "UnknownStatus checked_statuses",
            "entries": "KINDS UnknownKind list_entries",
            "error_text": "error_lines tolerated_lines",
            "failure_groups": "UnknownGroup group_errors list_error_items",
            "inputs": "ItemInput item_input",
            "inquiries": "find_inquiry inquiry_as_json inquiry_ended_error list_inquiries show_inquiry",
            "item_maps": "ItemMaps",
            "items": "is_settled show_item",
            "item_values": "item_values",
            "large": "MAX_INLINE_BYTES RUNS_PATH is_link link unless_large",
            "kept_reports": "KeptReports",
            "loading": (
                "EntriesRead OldRunRead KeyKnown RunLoaded RunNotLoaded find_by_key load load_reuse_plan not_loaded "
                "stored_handle"
            ),
            "masks": "mask_of unless_sealed",
            "offline": "OfflineRuns",
            "outputs": "ended_output",
            "plain": ("kept_report pruned token_as_json"),
            "previews": "count_cancelled preview_cancel preview_prune preview_rerun",
            "priorities": "InvalidPriority checked_priority",
            "quarantine": "not_quarantined_error quarantined_error",
            "replay": "READ_AT_ONCE Replay ended_outcome outcome_for_parent",
            "reports": "UnknownItem",
            "rerun_choices": "RerunChoice",
            "tasks": "list_tasks show_task task_of tasks_of",
            "timelines": "show_timeline",
            "values": "item_result run_inputs",
            "needs": "missing_needs needs_wait no_daemon_error",
            "waits": "Blockers ItemWait KeyWait PoolWait RateWait explain_waits quarantine_wait quarantined_children",
            "written_results": "WrittenResults",
        },
    )

__all__ = [
    "KINDS",
    "MAX_INLINE_BYTES",
    "READ_AT_ONCE",
    "RUNS_PATH",
    "Blockers",
    "EntriesRead",
    "InvalidPriority",
    "ItemInput",
    "ItemMaps",
    "ItemWait",
    "KeptReports",
    "KeyKnown",
    "KeyWait",
    "OfflineRuns",
    "OldRunRead",
    "PoolWait",
    "RateWait",
    "Replay",
    "RerunChoice",
    "RunLoaded",
    "RunNotLoaded",
    "UnknownGroup",
    "UnknownItem",
    "UnknownKind",
    "UnknownPath",
    "UnknownStatus",
    "UnknownVisit",
    "WrittenResults",
    "accepted_run",
    "checked_priority",
    "checked_statuses",
    "context_value",
    "count_cancelled",
    "count_runs",
    "ended_outcome",
    "ended_output",
    "error_lines",
    "explain_end_of_tasks",
    "explain_waits",
    "find_by_key",
    "find_inquiry",
    "group_errors",
    "inquiry_as_json",
    "inquiry_ended_error",
    "is_link",
    "is_settled",
    "item_input",
    "item_result",
    "item_values",
    "kept_report",
    "link",
    "list_entries",
    "list_error_items",
    "list_inquiries",
    "list_tasks",
    "list_versions",
    "load",
    "load_reuse_plan",
    "map_items",
    "mask_of",
    "missing_needs",
    "needs_wait",
    "no_daemon_error",
    "not_loaded",
    "not_quarantined_error",
    "outcome_for_parent",
    "preview_cancel",
    "preview_prune",
    "preview_rerun",
    "pruned",
    "quarantine_wait",
    "quarantined_children",
    "quarantined_error",
    "run_inputs",
    "run_version",
    "show_context",
    "show_inquiry",
    "show_item",
    "show_task",
    "show_timeline",
    "stored_handle",
    "task_of",
    "tasks_of",
    "token_as_json",
    "tolerated_lines",
    "unless_large",
    "unless_sealed",
    "with_states",
]
