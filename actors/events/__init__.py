"""Events as an engine accepts them: the rules in force, the matches that go into the commit, and who listens.

    accept(event) --rules in force--> event and matches in one commit --> MatchesDue, EventCame

`definitions.rules` decides, `journal` records; the engine starts the runs.
"""

from typing import TYPE_CHECKING

from stretto.definitions.lazy_face import lazy_face

if TYPE_CHECKING:
    from stretto.actors.events.counts import EVENT_RESULTS, MATCH_RESULTS, Counts
    from stretto.actors.events.intake import EventIntake
    from stretto.actors.events.matching import Matcher
    from stretto.actors.events.reports import (
        event_as_json,
        find_event,
        list_events,
        match_as_json,
        rule_as_json,
        show_event,
        show_rule,
        stored_event,
        stored_events,
        try_rule,
    )
    from stretto.actors.events.waits import EventFound, EventWait, EventWaits, LookBackFailed, LookedBack, PortionSent
else:
    __getattr__ = lazy_face(
        __name__,
        {
            "counts": "Counts EVENT_RESULTS MATCH_RESULTS",
            "intake": "EventIntake",
            "matching": "Matcher",
            "reports": (
                "event_as_json find_event list_events match_as_json rule_as_json show_event show_rule "
                "stored_event stored_events try_rule"
            ),
            "waits": "EventFound EventWait EventWaits LookBackFailed LookedBack PortionSent",
        },
    )

__all__ = [
    "EVENT_RESULTS",
    "MATCH_RESULTS",
    "Counts",
    "EventFound",
    "EventIntake",
    "EventWait",
    "EventWaits",
    "LookBackFailed",
    "LookedBack",
    "Matcher",
    "PortionSent",
    "event_as_json",
    "find_event",
    "list_events",
    "match_as_json",
    "rule_as_json",
    "show_event",
    "show_rule",
    "stored_event",
    "stored_events",
    "try_rule",
]
