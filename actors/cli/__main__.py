"""`python -m stretto.actors.cli` is `stretto`."""

from stretto.actors.cli import main

main()
