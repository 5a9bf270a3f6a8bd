"""The journal: an append-only record of each run, written by one actor, and the tables that queries read.

    RunSupervisor --Record--> JournalActor --one transaction for all gathered records--> Store
         ^                         |
         '---- messages and answers, after the commit

`records` defines the records, `store` the protocols of a store, `opening` opens a store by its URL, and `sql` is the
SQL store. Only the journal's actor writes. Without a daemon, `history.offline` writes for the command line.
"""

from typing import TYPE_CHECKING

from stretto.definitions.lazy_face import lazy_face

if TYPE_CHECKING:
    from stretto.actors.journal.access import (
        MAX_SESSIONS,
        AccessChange,
        AccessReader,
        AccessWriter,
        AddEnterCode,
        AddSession,
        AddToken,
        AuditPage,
        AuditQuery,
        AuditRow,
        EndSession,
        Enter,
        EnterCodeRecord,
        NoteSessionUse,
        NoteTokenUse,
        PruneAudit,
        RevokeToken,
        SessionRecord,
        TokenRecord,
    )
    from stretto.actors.journal.audit import (
        DONE,
        MAX_NOTE,
        AuditEntries,
        AuditEntry,
        RequestedBy,
        Requester,
        asked_by,
        client_of,
    )
    from stretto.actors.journal.audit_ring import AuditRing
    from stretto.actors.journal.claims import NOTHING_CLAIMED, Claimed, claim_all
    from stretto.actors.journal.context_log import (
        BEGIN,
        CONTEXT_ENTRIES,
        TASKS,
        VARIABLES,
        ContextTracker,
        StoredName,
        changed_names,
        task_value,
    )
    from stretto.actors.journal.counted_items import ItemError
    from stretto.actors.journal.deletion import DeleteRun, RunNeeded
    from stretto.actors.journal.encryption import Keyring, new_key, read_key_file
    from stretto.actors.journal.events import (
        Accepted,
        DueMatches,
        EventAccepted,
        EventPage,
        EventQuery,
        EventReader,
        EventRow,
        EventsSince,
        Match,
        MatchFailed,
        MatchKey,
        MatchRow,
        NewEvents,
        PruneEvents,
        UnknownEvent,
        new_event_id,
    )
    from stretto.actors.journal.facts import StoreFacts
    from stretto.actors.journal.inquiries import (
        INQUIRY_STATUSES,
        Inquiry,
        InquiryChange,
        InquiryEnd,
        InquiryEnded,
        InquiryPage,
        InquiryQuery,
        InquiryReader,
        InquiryStatus,
        Question,
        StoredInquiry,
        UnknownInquiry,
        unknown_inquiry_error,
    )
    from stretto.actors.journal.inquiries_memory import InquiriesInMemory
    from stretto.actors.journal.inquiry_links import (
        ANSWER_PATH,
        LINK_VIA,
        MAX_PERSON_CHARACTERS,
        InquiryLink,
        InvalidLink,
        digest_of_link,
        new_link_code,
        path_of_link,
    )
    from stretto.actors.journal.item_cells import (
        ATTEMPTS_SHIFT,
        CODES,
        DAMAGED,
        ITEM_STATES,
        MOST_ITEMS,
        SKIP_REQUEST,
        STATE_BITS,
        attempts_in_cell,
        unpacked,
    )
    from stretto.actors.journal.key_files import keyring_for
    from stretto.actors.journal.kv import (
        DEFAULT_KEY_LIMITS,
        SCOPES,
        KeyConflict,
        KeyLimits,
        KeyPlace,
        KeyReader,
        PutKey,
        RemoveKey,
        Scope,
        StoredKey,
        UnknownKey,
        unknown_key_error,
    )
    from stretto.actors.journal.lease import StoredDaemon
    from stretto.actors.journal.limits import KeyNeed, KeyShare
    from stretto.actors.journal.link import (
        MAX_PENDING,
        Answers,
        EngineLink,
        EventLink,
        JournalLink,
        KeyLink,
        Link,
        Notifications,
        RecordEntry,
        ScheduleLink,
        SensorLink,
        SharedLink,
    )
    from stretto.actors.journal.location import InFile, files_of, locate
    from stretto.actors.journal.messages import (
        EventCame,
        EventsElsewhere,
        JournalHasRoom,
        MatchesClaimed,
        MatchesDue,
        PruneRuns,
        RunExists,
        RunsClaimed,
        RunUnrecordable,
        StoreGone,
    )
    from stretto.actors.journal.needs import NO_NEEDS, Needs, Unclaimed, describe_needs, lacking_needs, need
    from stretto.actors.journal.no_journal import NoJournal
    from stretto.actors.journal.opening import is_in_use, open_reader, open_store
    from stretto.actors.journal.outputs import OutputsInMemory
    from stretto.actors.journal.peers import (
        PeerAnswer,
        PeerAsked,
        PeerRequest,
        Peers,
        RequestUnanswered,
    )
    from stretto.actors.journal.queries import (
        HOUR_SECONDS,
        MAX_PAGE,
        MOST_SEARCHED,
        NO_PARENT,
        OUTCOMES,
        PAGE,
        STATUSES,
        EntryQuery,
        InvalidCursor,
        ItemQuery,
        RunQuery,
    )
    from stretto.actors.journal.rates import (
        MAX_LEAD_SECONDS,
        PORTION_SECONDS,
        PORTIONS_AHEAD,
        RateNeed,
        RatePortion,
        portion_of,
    )
    from stretto.actors.journal.readers import NoReaders, NoStore, Readers, ReadingStopped
    from stretto.actors.journal.records import (
        Audited,
        Ending,
        EngineDrains,
        Entry,
        GivenItems,
        Happened,
        Idempotency,
        ItemKey,
        ItemStarted,
        KeptOutput,
        KeysRead,
        Origin,
        ParentItem,
        RequestKey,
        Rerun,
        RerunScope,
        ResultsWritten,
        RunAccepted,
        RunsReleased,
        SecretsLearned,
        Suspicion,
        Suspicions,
        UnreadableRecord,
        Write,
        check_rerun,
        origin_of_rerun,
    )
    from stretto.actors.journal.replay_trace import BEGINNING, FIRST_ENTRY, LOADING, RESTARTED, ReplayTrace
    from stretto.actors.journal.run_log import MAX_OUTPUT_BYTES, RunLog
    from stretto.actors.journal.schedules import ScheduleMoved, ScheduleReader, ScheduleRow, ScheduleState
    from stretto.actors.journal.service import OpenJournal, open_journal
    from stretto.actors.journal.sql.backup import backup, check
    from stretto.actors.journal.sql.store import Store
    from stretto.actors.journal.sql.upgrade import finish_upgrade, upgrade
    from stretto.actors.journal.store import (
        QUARANTINED,
        CannotOpenStore,
        Child,
        ItemRow,
        Prune,
        Quarantine,
        Reader,
        RunRow,
        StoreClosed,
        StoreInUse,
        StoreLost,
        StoreUnavailable,
        TaskRow,
        Unfinished,
        Unrecordable,
    )
    from stretto.actors.journal.times import time_as_json
    from stretto.actors.journal.watches import (
        MAX_NEWS_BYTES,
        PeerNews,
        PeerWatches,
        RunsLooked,
        RunWatches,
        WatchedRun,
        WatchKind,
    )
else:
    __getattr__ = lazy_face(
        __name__,
        {
            "access": (
                "AccessChange AccessReader AccessWriter AddEnterCode AddSession AddToken AuditPage "
                "AuditQuery AuditRow EndSession Enter EnterCodeRecord MAX_SESSIONS NoteSessionUse NoteTokenUse "
                "PruneAudit RevokeToken SessionRecord TokenRecord"
            ),
            "audit": "AuditEntries AuditEntry DONE MAX_NOTE RequestedBy Requester asked_by client_of",
            "audit_ring": "AuditRing",
            "claims": "NOTHING_CLAIMED Claimed claim_all",
            "context_log": ("BEGIN CONTEXT_ENTRIES ContextTracker StoredName TASKS VARIABLES changed_names task_value"),
            "counted_items": "ItemError",
            "deletion": "DeleteRun RunNeeded",
            "encryption": "Keyring new_key read_key_file",
            "facts": "StoreFacts",
            "inquiries": (
                "INQUIRY_STATUSES Inquiry InquiryChange InquiryEnd InquiryEnded InquiryPage InquiryQuery "
                "InquiryReader InquiryStatus Question StoredInquiry UnknownInquiry unknown_inquiry_error"
            ),
            "inquiries_memory": "InquiriesInMemory",
            "inquiry_links": (
                "ANSWER_PATH InquiryLink InvalidLink LINK_VIA MAX_PERSON_CHARACTERS digest_of_link new_link_code "
                "path_of_link"
            ),
            "events": (
                "Accepted DueMatches EventAccepted EventPage EventQuery EventReader EventRow EventsSince Match "
                "MatchFailed NewEvents MatchKey MatchRow PruneEvents UnknownEvent new_event_id"
            ),
            "item_cells": (
                "ATTEMPTS_SHIFT CODES DAMAGED ITEM_STATES MOST_ITEMS SKIP_REQUEST STATE_BITS attempts_in_cell unpacked"
            ),
            "key_files": "keyring_for",
            "kv": (
                "DEFAULT_KEY_LIMITS KeyConflict KeyLimits KeyPlace KeyReader PutKey RemoveKey SCOPES Scope StoredKey "
                "UnknownKey unknown_key_error"
            ),
            "lease": "StoredDaemon",
            "link": (
                "Answers EngineLink EventLink JournalLink KeyLink Link MAX_PENDING Notifications RecordEntry "
                "ScheduleLink SensorLink SharedLink"
            ),
            "location": "InFile files_of locate",
            "messages": (
                "EventCame EventsElsewhere JournalHasRoom MatchesClaimed MatchesDue PruneRuns RunExists "
                "RunUnrecordable RunsClaimed StoreGone"
            ),
            "needs": "NO_NEEDS Needs Unclaimed describe_needs lacking_needs need",
            "no_journal": "NoJournal",
            "opening": "is_in_use open_reader open_store",
            "outputs": "OutputsInMemory",
            "limits": "KeyNeed KeyShare",
            "rates": "MAX_LEAD_SECONDS PORTIONS_AHEAD PORTION_SECONDS RateNeed RatePortion portion_of",
            "peers": "PeerAnswer PeerAsked PeerRequest Peers RequestUnanswered",
            "watches": "MAX_NEWS_BYTES PeerNews PeerWatches RunsLooked RunWatches WatchedRun WatchKind",
            "queries": (
                "EntryQuery HOUR_SECONDS InvalidCursor ItemQuery MAX_PAGE MOST_SEARCHED NO_PARENT OUTCOMES PAGE "
                "RunQuery STATUSES"
            ),
            "readers": "NoReaders NoStore Readers ReadingStopped",
            "records": (
                "Audited Ending EngineDrains Entry GivenItems Happened Idempotency ItemKey ItemStarted KeptOutput "
                "KeysRead Origin ParentItem RequestKey Rerun RerunScope ResultsWritten RunAccepted RunsReleased "
                "SecretsLearned Suspicion Suspicions UnreadableRecord Write check_rerun origin_of_rerun"
            ),
            "replay_trace": "BEGINNING FIRST_ENTRY LOADING RESTARTED ReplayTrace",
            "run_log": "MAX_OUTPUT_BYTES RunLog",
            "schedules": "ScheduleMoved ScheduleReader ScheduleRow ScheduleState",
            "service": "OpenJournal open_journal",
            "sql.backup": "backup check",
            "sql.store": "Store",
            "sql.upgrade": "finish_upgrade upgrade",
            "times": "time_as_json",
            "store": (
                "CannotOpenStore Child ItemRow Prune QUARANTINED Quarantine Reader RunRow StoreClosed "
                "StoreInUse StoreLost StoreUnavailable TaskRow Unfinished Unrecordable"
            ),
        },
    )

__all__ = [
    "ANSWER_PATH", "ATTEMPTS_SHIFT", "BEGIN", "BEGINNING", "CODES", "CONTEXT_ENTRIES", "DAMAGED", "DEFAULT_KEY_LIMITS",
    "DONE", "FIRST_ENTRY", "HOUR_SECONDS", "INQUIRY_STATUSES", "ITEM_STATES", "LINK_VIA", "LOADING",
    "MAX_LEAD_SECONDS", "MAX_NEWS_BYTES", "MAX_NOTE", "MAX_OUTPUT_BYTES", "MAX_PAGE", "MAX_PENDING",
    "MAX_PERSON_CHARACTERS", "MAX_SESSIONS", "MOST_ITEMS", "MOST_SEARCHED", "NOTHING_CLAIMED", "NO_NEEDS", "NO_PARENT",
    "OUTCOMES", "PAGE", "PORTIONS_AHEAD", "PORTION_SECONDS", "QUARANTINED", "RESTARTED", "SCOPES", "SKIP_REQUEST",
    "STATE_BITS", "STATUSES", "TASKS", "VARIABLES", "Accepted", "AccessChange", "AccessReader", "AccessWriter",
    "AddEnterCode", "AddSession", "AddToken", "Answers", "AuditEntries", "AuditEntry", "AuditPage", "AuditQuery",
    "AuditRing", "AuditRow", "Audited", "CannotOpenStore", "Child", "Claimed", "ContextTracker", "DeleteRun",
    "DueMatches", "EndSession", "Ending", "EngineDrains", "EngineLink", "Enter", "EnterCodeRecord", "Entry",
    "EntryQuery", "EventAccepted", "EventCame", "EventLink", "EventPage", "EventQuery", "EventReader", "EventRow",
    "EventsElsewhere", "EventsSince", "GivenItems", "Happened", "Idempotency", "InFile", "InquiriesInMemory",
    "Inquiry", "InquiryChange", "InquiryEnd", "InquiryEnded", "InquiryLink", "InquiryPage", "InquiryQuery",
    "InquiryReader", "InquiryStatus", "InvalidCursor", "InvalidLink", "ItemError", "ItemKey", "ItemQuery", "ItemRow",
    "ItemStarted", "JournalHasRoom", "JournalLink", "KeptOutput", "KeyConflict", "KeyLimits", "KeyLink", "KeyNeed",
    "KeyPlace", "KeyReader", "KeyShare", "Keyring", "KeysRead", "Link", "Match", "MatchFailed", "MatchKey", "MatchRow",
    "MatchesClaimed", "MatchesDue", "Needs", "NewEvents", "NoJournal", "NoReaders", "NoStore", "NoteSessionUse",
    "NoteTokenUse", "Notifications", "OpenJournal", "Origin", "OutputsInMemory", "ParentItem", "PeerAnswer",
    "PeerAsked", "PeerNews", "PeerRequest", "PeerWatches", "Peers", "Prune", "PruneAudit", "PruneEvents", "PruneRuns",
    "PutKey", "Quarantine", "Question", "RateNeed", "RatePortion", "Reader", "Readers", "ReadingStopped",
    "RecordEntry", "RemoveKey", "ReplayTrace", "RequestKey", "RequestUnanswered", "RequestedBy", "Requester", "Rerun",
    "RerunScope", "ResultsWritten", "RevokeToken", "RunAccepted", "RunExists", "RunLog", "RunNeeded", "RunQuery",
    "RunRow", "RunUnrecordable", "RunWatches", "RunsClaimed", "RunsLooked", "RunsReleased", "ScheduleLink",
    "ScheduleMoved", "ScheduleReader", "ScheduleRow", "ScheduleState", "Scope", "SecretsLearned", "SensorLink",
    "SessionRecord", "SharedLink", "Store", "StoreClosed", "StoreFacts", "StoreGone", "StoreInUse", "StoreLost",
    "StoreUnavailable", "StoredDaemon", "StoredInquiry", "StoredKey", "StoredName", "Suspicion", "Suspicions",
    "TaskRow", "TokenRecord", "Unclaimed", "Unfinished", "UnknownEvent", "UnknownInquiry", "UnknownKey",
    "UnreadableRecord", "Unrecordable", "WatchKind", "WatchedRun", "Write", "asked_by", "attempts_in_cell", "backup",
    "changed_names", "check", "check_rerun", "claim_all", "client_of", "describe_needs", "digest_of_link", "files_of",
    "finish_upgrade", "is_in_use", "keyring_for", "lacking_needs", "locate", "need", "new_event_id", "new_key",
    "new_link_code", "open_journal", "open_reader", "open_store", "origin_of_rerun", "path_of_link", "portion_of",
    "read_key_file", "task_value", "time_as_json", "unknown_inquiry_error", "unknown_key_error", "unpacked", "upgrade",
]  # fmt: skip
