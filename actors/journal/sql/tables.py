"""The store's tables, the same on SQLite and PostgreSQL; the first migration is made from them.

    runs 1--1 run_inputs      a run's parameters
         1--1 run_ends        how it ended, for reports
         1--n entries         its entries, from which it recovers
         1--n tasks           the state of its tasks' visits, for reports
         1--n item_outputs    what its items printed
         1--n run_labels      its labels
         1--n context_names   the versions of its context, of a run with many entries
         1--1 context_logs    whether all of them are stored
         1--1 suspects        whether an engine crashed while it recovered the run
         1--n inquiries       the questions that it has asked people
                1--n inquiry_links    who may answer one by a link: digests, no codes
         n--1 definitions, surroundings      shared by runs, each stored once
         n--n shared_values   large results of their items, each stored once; run_values says which runs have one
    tokens, sessions, enter_codes    who may use the daemon: digests, no secrets
    audit                            who asked for which change, also of deleted runs
    engines                          who may write: a row for each opening of the store
    requests                         what one engine asks another for, and the answers
    kv                               the key-value store; secret values are encrypted
    events 1--n matches              what happened, and the answers of rules to it; they outlive their runs
    event_keys                       what identifies repeated events

Lists read narrow rows only: a large value is in a table of its own, or in the last column, which SQLite does not read
unless it is selected. Bodies are JSON texts or encrypted ones (`encryption`). Times are seconds since the epoch.
"""

from typing import Final

from sqlalchemy import (
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Text,
    and_,
    literal_column,
)

from stretto.actors.journal.sql.columns import BIG, TIME, metadata, number_of_run, table
from stretto.actors.journal.sql.event_tables import DUE, event_keys, events, matches
from stretto.actors.journal.sql.inquiry_table import PENDING, inquiries, inquiry_links

__all__ = [
    "DUE", "ENDED", "FAILED", "LEARNED_ENTRIES", "PENDING", "RETRIED", "audit", "definitions", "engines",
    "enter_codes", "entries", "event_keys", "events", "inquiries", "inquiry_links", "item_outputs", "kv", "matches",
    "metadata", "run_ends", "run_inputs", "run_labels", "runs", "sessions", "surroundings", "suspects", "tasks",
    "tokens",
]  # fmt: skip


definitions = table(
    "definitions",
    Column("digest", Text, primary_key=True),
    Column("body", LargeBinary, nullable=False),
)

surroundings = table(
    "surroundings",
    Column("digest", Text, primary_key=True),
    Column("body", LargeBinary, nullable=False),
)

runs = table(
    "runs",
    # Increases in the order of acceptance and is never reused: the key of pages.
    Column("number", BIG, primary_key=True, autoincrement=True),
    Column("id", Text, nullable=False, unique=True),
    Column("workflow", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("accepted_at", TIME, nullable=False),
    Column("ended_at", TIME),
    Column("depth", Integer, nullable=False),
    # The ids of other runs are not foreign keys, as those runs may have been pruned.
    Column("parent", Text),
    Column("parent_task", Text),
    Column("parent_visit", Integer),
    Column("parent_item", BIG),
    Column("parent_attempt", Integer),
    Column("rerun_of", Text),
    Column("rerun_scope", Text),
    Column("idempotency_key", Text, unique=True),
    Column("fingerprint", Text),
    Column("definition", Text, ForeignKey("definitions.digest"), nullable=False),
    Column("surroundings", Text, ForeignKey("surroundings.digest")),
    # Who started the run: `owner` or `remote`.
    Column("origin", Text, nullable=False, server_default="owner"),
    # The limits on expressions when the run was accepted; null for those of version 0002.
    Column("max_cost", BIG),
    Column("max_bytes", BIG),
    # 1 for a run that was accepted before version 0004: attempts that ended until then lack their times.
    Column("untimed", Integer),
    # The token or user that started the run, and how the request came. Null for a program's own runs and before 0007.
    Column("requested_by", Text),
    Column("requested_via", Text),
    # The number of the engine that writes the run. Null for a run that the next engine claims.
    Column("owner", BIG),
    # The id of the run at the top of its tree, which is claimed as a whole. Null if it ended before version 0014.
    Column("root", Text),
    # The number of runs before it in a chain of events. Null for a run that no event has started.
    Column("event_depth", Integer),
    # All that an engine must have to run it, in JSON (`needs`). Null for a run that any engine can run.
    Column("needs", Text),
    # 0 (low), 2 (high) or 3 (urgent). Null for a normal one.
    Column("priority", Integer),
    sqlite_autoincrement=True,
)

# Runs are counted by workflow, and without those of sub-workflows, without reading them.
Index("runs_by_status", runs.c.status, runs.c.number, runs.c.workflow, runs.c.depth)
Index("runs_by_workflow", runs.c.workflow, runs.c.number)
_IN_PROGRESS = runs.c.ended_at.is_(None)
Index("runs_in_progress", runs.c.number, sqlite_where=_IN_PROGRESS, postgresql_where=_IN_PROGRESS)
# The next two are for claims.
Index("runs_by_owner", runs.c.owner, runs.c.number, sqlite_where=_IN_PROGRESS, postgresql_where=_IN_PROGRESS)
Index("runs_by_root", runs.c.root, sqlite_where=_IN_PROGRESS, postgresql_where=_IN_PROGRESS)
_AT_TOP = runs.c.parent.is_(None)
Index("runs_at_top", runs.c.number, sqlite_where=_AT_TOP, postgresql_where=_AT_TOP)
Index("runs_by_time", runs.c.accepted_at, runs.c.number)
_CHILD = runs.c.parent.is_not(None)
Index("runs_by_parent", runs.c.parent, runs.c.number, sqlite_where=_CHILD, postgresql_where=_CHILD)
_REQUESTED = runs.c.requested_by.is_not(None)
Index("runs_by_requester", runs.c.requested_by, runs.c.number, sqlite_where=_REQUESTED, postgresql_where=_REQUESTED)
# The remaining indexes are for pruning, which looks for references.
_RERUN = runs.c.rerun_of.is_not(None)
Index("runs_by_rerun", runs.c.rerun_of, sqlite_where=_RERUN, postgresql_where=_RERUN)
Index("runs_by_definition", runs.c.definition)
_SURROUNDED = runs.c.surroundings.is_not(None)
Index("runs_by_surroundings", runs.c.surroundings, sqlite_where=_SURROUNDED, postgresql_where=_SURROUNDED)

run_inputs = table(
    "run_inputs",
    number_of_run(),
    Column("parameters", LargeBinary, nullable=False),
    Column("parent_told", LargeBinary),
    # The ranges of items that a rerun of chosen items repeats, by task, in JSON.
    Column("rerun_items", LargeBinary),
    PrimaryKeyConstraint("run"),
)

run_ends = table(
    "run_ends",
    number_of_run(),
    Column("output", LargeBinary),
    Column("errors", LargeBinary, nullable=False),
    PrimaryKeyConstraint("run"),
)

entries = table(
    "entries",
    number_of_run(),
    Column("number", BIG, nullable=False),
    Column("kind", Text, nullable=False),
    Column("at", TIME),
    Column("task", Text),
    Column("visit", Integer),
    Column("item", BIG),
    Column("attempt", Integer),
    # How an item's attempt ended; null for other entries.
    Column("outcome", Text),
    # When the action of an ended attempt began, and what it took by a monotonic clock; null if it never began.
    Column("began_at", TIME),
    Column("seconds", TIME),
    Column("body", LargeBinary),
    PrimaryKeyConstraint("run", "number"),
)

FAILED: Final = entries.c.outcome != literal_column("'succeeded'")
"""Attempts that ended without success. A literal, as no database uses a partial index with a parameter."""
Index("entries_failed", entries.c.run, entries.c.number, sqlite_where=FAILED, postgresql_where=FAILED)
# The neighbours of an item among the failed ones.
Index(
    "entries_failed_by_item", entries.c.run, entries.c.task, entries.c.visit, entries.c.item,
    sqlite_where=FAILED, postgresql_where=FAILED,
)  # fmt: skip
LEARNED_ENTRIES: Final = entries.c.kind == literal_column("'secrets_learned'")
"""A run's learned secrets, a literal for the same reason."""
Index(
    "entries_learned", entries.c.run, entries.c.number, sqlite_where=LEARNED_ENTRIES, postgresql_where=LEARNED_ENTRIES
)
ENDED: Final = entries.c.outcome.is_not(None)
"""The ended attempts of items."""
RETRIED: Final = and_(ENDED, entries.c.attempt > literal_column("1"))
"""The ended attempts of items behind their first ones, with a literal for the same reason."""
Index("entries_retried", entries.c.run, entries.c.number, sqlite_where=RETRIED, postgresql_where=RETRIED)
# The item comes before the task: a page of a task's items must be read in the order of numbers, not through this index.
Index(
    "entries_by_item", entries.c.run, entries.c.item, entries.c.task, entries.c.visit,
    sqlite_where=ENDED, postgresql_where=ENDED,
)  # fmt: skip

tasks = table(
    "tasks",
    number_of_run(),
    Column("task", Text, nullable=False),
    Column("visit", Integer, nullable=False),
    Column("status", Text, nullable=False),
    Column("started_at", TIME, nullable=False),
    Column("ended_at", TIME),
    Column("items", BIG, nullable=False),
    Column("succeeded", BIG, nullable=False),
    Column("failed", BIG, nullable=False),
    PrimaryKeyConstraint("run", "task", "visit"),
)

item_outputs = table(
    "item_outputs",
    # The text that an ended attempt printed and logged.
    number_of_run(),
    Column("task", Text, nullable=False),
    Column("visit", Integer, nullable=False),
    Column("item", BIG, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("outcome", Text, nullable=False),
    # The bytes that are kept, and those before them that are not.
    Column("size", BIG, nullable=False),
    Column("cut", BIG, nullable=False),
    Column("body", LargeBinary, nullable=False),
    PrimaryKeyConstraint("run", "task", "visit", "item", "attempt"),
)

context_names = table(
    "context_names",
    number_of_run(),
    Column("version", BIG, nullable=False),
    Column("name", Text, nullable=False),
    # The number of the entry that has made the version, -1 for the begin of the run.
    Column("at", BIG, nullable=False),
    Column("size", BIG, nullable=False),
    # Null for a large value.
    Column("body", LargeBinary),
    PrimaryKeyConstraint("run", "version", "name"),
)
Index("context_names_by_name", context_names.c.run, context_names.c.name, context_names.c.version)

context_logs = table(
    "context_logs",
    number_of_run(),
    # The number of the last entry of an ended run whose versions are all stored. Null while it is in progress.
    Column("last", BIG),
    PrimaryKeyConstraint("run"),
)

run_labels = table(
    "run_labels",
    number_of_run(),
    Column("key", Text, nullable=False),
    Column("value", Text, nullable=False),
    PrimaryKeyConstraint("run", "key"),
)
Index("run_labels_by_value", run_labels.c.key, run_labels.c.value, run_labels.c.run)

suspects = table(
    "suspects",
    # A run that was being recovered when an engine crashed, or is being recovered now.
    number_of_run(),
    # The crashes while it was recovered alone.
    Column("crashes", Integer, nullable=False),
    Column("noted_at", TIME, nullable=False),
    # Set for a run that is recovered only on request. A cancelled run keeps it: its entries must not be replayed.
    Column("quarantined_at", TIME),
    # Why it is quarantined. For any other run: whether it is recovered alone, and where the last crash came, in JSON.
    Column("reason", Text),
    PrimaryKeyConstraint("run"),
)

tokens = table(
    "tokens",
    # The part of a token that names it.
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False),
    # The SHA-256 of the whole token.
    Column("digest", Text, nullable=False),
    Column("made_at", TIME, nullable=False),
    Column("made_by", Text, nullable=False),
    Column("expires_at", TIME),
    # The beginning of a day.
    Column("used_on", TIME),
    # The refs of the workflows that it is restricted to, as a JSON list.
    Column("workflows", Text),
    Column("revoked_at", TIME),
)
_LIVE = tokens.c.revoked_at.is_(None)
Index("tokens_by_name", tokens.c.name, unique=True, sqlite_where=_LIVE, postgresql_where=_LIVE)

sessions = table(
    "sessions",
    # The SHA-256 of the session's secret.
    Column("digest", Text, primary_key=True),
    Column("who", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("origin", Text, nullable=False),
    Column("workflows", Text),
    # The id of the token that it was begun with.
    Column("token", Text),
    Column("made_at", TIME, nullable=False),
    Column("used_at", TIME, nullable=False),
    Column("ends_at", TIME, nullable=False),
)

enter_codes = table(
    "enter_codes",
    # The SHA-256 of the code. The row is deleted as the code is used.
    Column("digest", Text, primary_key=True),
    Column("who", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("origin", Text, nullable=False),
    Column("workflows", Text),
    Column("token", Text),
    Column("expires_at", TIME, nullable=False),
)

audit = table(
    "audit",
    # No foreign key: an entry stays when its run is deleted.
    Column("number", BIG, primary_key=True, autoincrement=True),
    Column("at", TIME, nullable=False),
    Column("who", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("via", Text, nullable=False),
    Column("operation", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("note", Text),
    Column("result", Text, nullable=False),
    # Whom a proxy has named.
    Column("for_user", Text),
    sqlite_autoincrement=True,
)
Index("audit_by_who", audit.c.who, audit.c.number)
Index("audit_by_time", audit.c.at)

kv = table(
    "kv",
    # Each change of a key makes a new row, so a version is never used again.
    Column("version", BIG, primary_key=True, autoincrement=True),
    # `system`, `user` or `pack`.
    Column("scope", Text, nullable=False),
    # The name of a user or a pack, or empty.
    Column("owner", Text, nullable=False),
    Column("name", Text, nullable=False),
    # 1 for a value that is encrypted.
    Column("secret", Integer, nullable=False),
    Column("set_at", TIME, nullable=False),
    # The token or user that has set it.
    Column("set_by", Text),
    Column("expires_at", TIME),
    # The bytes of the value and of the name.
    Column("size", BIG, nullable=False),
    Column("value", LargeBinary, nullable=False),
    sqlite_autoincrement=True,
)
Index("kv_by_place", kv.c.scope, kv.c.owner, kv.c.name, unique=True)

engines = table(
    "engines",
    # Each opening of the store gets a new number, which is never used again.
    Column("number", BIG, primary_key=True, autoincrement=True),
    # The process and host that opened it, for messages to others.
    Column("name", Text, nullable=False),
    # The version of Stretto, and the newest version of the tables that it knows.
    Column("version", Text, nullable=False),
    Column("knows", Text, nullable=False),
    Column("opened_at", TIME, nullable=False),
    # Grows with every commit, and shows whether a commit took effect whose connection was lost.
    Column("commits", BIG, nullable=False),
    # The number of the engine that has taken over. From then on this one cannot commit.
    Column("fenced_by", BIG),
    # When others may take over unless it commits, by the server's clock. Null for an engine that is alone.
    Column("expires_at", TIME),
    # The machine that it runs on, and whether it gives its runs away: 1 or null.
    Column("host", Text),
    Column("draining", Integer),
    sqlite_autoincrement=True,
)

requests = table(
    "requests",
    # A request of one engine to another. Its row is deleted when the asker has the answer.
    Column("number", BIG, primary_key=True, autoincrement=True),
    # The number of the engine that asks.
    Column("asker", BIG, nullable=False),
    # The id of the run whose engine is asked, or the number of the engine.
    Column("run", Text),
    Column("engine", BIG),
    Column("kind", Text, nullable=False),
    # The arguments and the answer, in JSON. There is no answer yet if it is null.
    Column("body", LargeBinary, nullable=False),
    Column("asked_at", TIME, nullable=False),
    Column("answer", LargeBinary),
    sqlite_autoincrement=True,
)
