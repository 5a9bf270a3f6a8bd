"""The engine's memory: an append-only record of what happened to each run, and what queries need, kept up to date.

    RunSupervisor --Record--> JournalActor --one transaction for all that has gathered--> Store
         ^                         |
         '------ what is told, and who is answered, after the commit

`records` is what is written, `store` what a store does, `opening` opens one by its URL, `reports` is what is told of
stored runs. Only the journal's actor writes; where no daemon has a store, `offline` does, for the command line.
"""
