"""The progress of a run on standard error, as a live view, as plain lines, or not at all.

    RunProgressed --> view (an actor) --> live.py, plain.py: lines --> standard error
                        ^      ^--- pace.py: times, rates and estimates, from what the view has seen
                        '--- above.py: logs and prints, which a live view shows above itself

modes.py chooses the view. Only live.py needs rich, which is imported for a live view only.
"""
