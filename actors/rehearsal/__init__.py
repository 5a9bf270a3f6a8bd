"""Rehearsals: a workflow run with scripted results on virtual time, by the engine that runs it for real.

script.py     what is given: rules that say how tries end, requests to make meanwhile
executor.py   the engine of a rehearsal, and what drives it from one quiet moment to the next
  pump.py       a dispatcher without threads: it knows when nothing is left to do
  timeline.py   virtual time, in seconds as users mean them or in the ticks of conformance cases
  runner.py     notes the actions that are launched, and ends them
  definitions.py  the workflows that are found, whatever actions they name
  recording.py  a conductor that notes what it commands
cases.py      conformance cases: JSON in, JSON out
"""

from typing import TYPE_CHECKING

from stretto.definitions.lazy_face import lazy_face

if TYPE_CHECKING:
    from stretto.actors.rehearsal.cases import answer, rehearser_of_cases
    from stretto.actors.rehearsal.definitions import load_scripted, scripted_catalogue
    from stretto.actors.rehearsal.executor import Rehearsal, Rehearsed, Rehearser
    from stretto.actors.rehearsal.files import Scripted, is_rehearsal, read_script
    from stretto.actors.rehearsal.script import Control, Rule
    from stretto.actors.rehearsal.suite import Verdict, judge, rehearsals_in, why_unused
    from stretto.actors.rehearsal.telling import lines, rehearsal_object
else:
    __getattr__ = lazy_face(
        __name__,
        {
            "cases": "answer rehearser_of_cases",
            "definitions": "load_scripted scripted_catalogue",
            "executor": "Rehearsal Rehearsed Rehearser",
            "files": "Scripted is_rehearsal read_script",
            "script": "Control Rule",
            "suite": "Verdict judge rehearsals_in why_unused",
            "telling": "lines rehearsal_object",
        },
    )

__all__ = [
    "Control",
    "Rehearsal",
    "Rehearsed",
    "Rehearser",
    "Rule",
    "Scripted",
    "Verdict",
    "answer",
    "is_rehearsal",
    "judge",
    "lines",
    "load_scripted",
    "read_script",
    "rehearsal_object",
    "rehearsals_in",
    "rehearser_of_cases",
    "scripted_catalogue",
    "why_unused",
]
