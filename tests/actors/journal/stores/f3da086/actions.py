"""The action of the store's runs: it fails or hangs as asked, but only in the process that makes the store."""

import asyncio
import json
import os
from pathlib import Path
from typing import Any

from stretto.actors import ActionFailed, action

MAKING = "STRETTO_TEST_MAKING"
LEDGER = "STRETTO_TEST_LEDGER"

_failed: set[str] = set()


def _append(label: str) -> None:
    with Path(os.environ[LEDGER]).open("a", encoding="utf-8") as ledger:
        ledger.write(json.dumps(label) + "\n")


@action("old.work")
async def work(label: str, making: str = "succeeds") -> dict[str, Any]:
    """Append the label to the ledger, then succeed; `making` is what happens while the store is made."""
    if LEDGER in os.environ:
        _append(label)
    if MAKING in os.environ:
        if making == "hangs" or (making == "fails_then_hangs" and label in _failed):
            await asyncio.Event().wait()
        if making == "fails" or (making in {"fails_once", "fails_then_hangs"} and label not in _failed):
            _failed.add(label)
            raise ActionFailed(f"{label} is not ready", {"label": label})
    return {"label": label, "length": len(label), "half": len(label) / 2}
