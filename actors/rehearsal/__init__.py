"""Rehearsals: the real engine runs a workflow with scripted results on virtual time.

script.py     rules for the ends of attempts, and requests to make meanwhile
executor.py   the engine of a rehearsal; it advances from one quiet moment to the next
  pump.py       a dispatcher without threads, which knows when nothing is left to do
  timeline.py   virtual time, in seconds or in the ticks of conformance cases
  runner.py     records the actions that are launched, and ends them
  definitions.py  the workflows, which may call unknown actions
  recording.py  a conductor that records its commands
controls.py, waits.py   answers and events, and the items that wait for them
schedules.py  a schedule's runs in a span of time
files.py, suite.py, expectations.py   rehearsal files, which pass or fail like tests
transcript.py a rehearsal as lines for people and as one object for programs
cases.py      conformance cases: JSON in, JSON out
"""

from typing import TYPE_CHECKING

from stretto.definitions.lazy_face import lazy_face

if TYPE_CHECKING:
    from stretto.actors.rehearsal.bounds import UNBOUNDED, Bounds
    from stretto.actors.rehearsal.cases import answer, rehearser_of_cases
    from stretto.actors.rehearsal.definitions import load_scripted, scripted, scripted_catalogue
    from stretto.actors.rehearsal.executor import Rehearsal, Rehearsed, Rehearser
    from stretto.actors.rehearsal.files import Scripted, is_rehearsal, read_script
    from stretto.actors.rehearsal.schedules import (
        InvalidSpan,
        RehearsedSchedule,
        ScheduleRehearsal,
        rehearse_schedule,
        schedule_lines,
        schedule_object,
    )
    from stretto.actors.rehearsal.script import Control, Rule
    from stretto.actors.rehearsal.suite import Verdict, judge, rehearsals_in, why_unused
    from stretto.actors.rehearsal.transcript import rehearsal_object, rehearsal_report, transcript_lines
else:
    __getattr__ = lazy_face(
        __name__,
        {
            "bounds": "Bounds UNBOUNDED",
            "cases": "answer rehearser_of_cases",
            "definitions": "load_scripted scripted scripted_catalogue",
            "executor": "Rehearsal Rehearsed Rehearser",
            "files": "Scripted is_rehearsal read_script",
            "schedules": (
                "InvalidSpan RehearsedSchedule ScheduleRehearsal rehearse_schedule schedule_lines schedule_object"
            ),
            "script": "Control Rule",
            "suite": "Verdict judge rehearsals_in why_unused",
            "transcript": "rehearsal_object rehearsal_report transcript_lines",
        },
    )

__all__ = [
    "UNBOUNDED",
    "Bounds",
    "Control",
    "InvalidSpan",
    "Rehearsal",
    "Rehearsed",
    "RehearsedSchedule",
    "Rehearser",
    "Rule",
    "ScheduleRehearsal",
    "Scripted",
    "Verdict",
    "answer",
    "is_rehearsal",
    "judge",
    "load_scripted",
    "read_script",
    "rehearsal_object",
    "rehearsal_report",
    "rehearsals_in",
    "rehearse_schedule",
    "rehearser_of_cases",
    "schedule_lines",
    "schedule_object",
    "scripted",
    "scripted_catalogue",
    "transcript_lines",
    "why_unused",
]
