"""The rules below a folder, such as checked-out packs: each loads, or is refused by name.

python perf/rule_corpus.py FOLDER [--all]

Prints how many rules of each dialect load, and for the others the file, the place and the code of what is wrong. With
`--all`, warnings are printed as well. The exit code is 1 if a file is neither read nor refused by a finding.
"""

import argparse
import sys
from collections import Counter
from pathlib import Path

from stretto.definitions.dialects import Reader, is_trigger_document
from stretto.definitions.errors import Finding
from stretto.definitions.rules import Rule, Trigger, read_trigger
from stretto.definitions.source import MapNode, compose

MAX_BYTES = 1024 * 1024


def read(path: Path, name: str) -> tuple[Trigger | None, list[Finding]] | None:
    """Return the rule or webhook of a file with its findings, or None if it is not one."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    if len(text) > MAX_BYTES:
        return None
    reader = Reader(name)
    root = compose(text, name, reader.report)
    if root is None:  # a file in a folder of rules is meant as one
        return (None, list(reader.findings)) if path.parent.name == "rules" else None
    if not isinstance(root, MapNode) or not is_trigger_document(root):
        return None
    return read_trigger(reader, root), list(reader.findings)


def main() -> int:
    """Read all files, and print what became of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--all", action="store_true", help="print warnings, too")
    arguments = parser.parse_args()
    loaded, refused, unexplained = Counter[str](), Counter[str](), 0
    for path in sorted(path for suffix in ("yaml", "yml", "json") for path in arguments.folder.rglob(f"*.{suffix}")):
        found = read(path, str(path.relative_to(arguments.folder)))
        if found is None:
            continue
        trigger, findings = found
        errors = [each for each in findings if each.severity == "error"]
        for each in findings if arguments.all else errors:
            print(each)
        if errors:
            refused.update({each.code for each in errors})
        elif trigger is None:
            unexplained += 1
            print(f"{path}: neither read nor refused")
        else:
            kind = trigger.dialect if isinstance(trigger, Rule) else "webhook"
            loaded[kind + (", timer" if isinstance(trigger, Rule) and trigger.schedule is not None else "")] += 1
    print("loaded: " + (", ".join(f"{number} {kind}" for kind, number in sorted(loaded.items())) or "none"))
    print("refused: " + (", ".join(f"{number} for {code}" for code, number in refused.most_common()) or "none"))
    return 1 if unexplained else 0


if __name__ == "__main__":
    sys.exit(main())
