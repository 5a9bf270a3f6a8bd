"""The actions of log_lines.yaml.

An action is a function with a name. The keys of a task's `input` are its arguments, its return value is the task's
result, and both are JSON data. A plain function runs on one of a few threads, an async one on the event loop.
"""

import json
from collections import Counter
from itertools import chain
from pathlib import Path
from typing import Any

from stretto.actors import ActionFailed, action


@action("logs.count")
def count(entries: list[dict[str, Any]]) -> dict[str, Any]:
    """Count the levels of some entries of a log, and pick out the errors."""
    return {
        "levels": dict(Counter(entry["level"] for entry in entries)),
        "errors": [entry for entry in entries if entry["level"] == "ERROR"],
    }


@action("logs.report")
def report(batches: list[dict[str, Any]], critical: list[str], path: str) -> dict[str, Any]:
    """Write the errors of all batches to a file, the urgent ones first, and add up the levels.

    Args:
        batches: the results of logs.count
        critical: the services whose errors are urgent
        path: the file to write, of JSON lines
    """
    levels: Counter[str] = Counter()
    for batch in batches:
        levels.update(batch["levels"])
    errors = list(chain.from_iterable(batch["errors"] for batch in batches))
    errors.sort(key=lambda error: error["service"] not in critical)  # stable: otherwise in the order of the log
    try:
        Path(path).write_text("".join(f"{json.dumps(error)}\n" for error in errors), encoding="utf-8")
    except OSError as error:
        # The item fails with this message. Any other exception would do so as well, with its frames.
        raise ActionFailed(f"cannot write {path}: {error.strerror}") from error
    return {
        "entries": levels.total(),
        "levels": dict(sorted(levels.items())),
        "urgent": sum(error["service"] in critical for error in errors),
    }
