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

from stretto.actors.rehearsal.cases import answer, rehearser_of_cases
from stretto.actors.rehearsal.executor import Rehearsal, Rehearsed, Rehearser
from stretto.actors.rehearsal.script import Control, Rule

__all__ = ["Control", "Rehearsal", "Rehearsed", "Rehearser", "Rule", "answer", "rehearser_of_cases"]
