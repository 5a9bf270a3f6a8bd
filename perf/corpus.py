"""What of real packs runs: `python perf/corpus.py FOLDER --orquesta PYTHON [--stretto COMMAND] [--json FILE]`.

FOLDER has checked-out repositories, each a pack or with packs in it. PYTHON is the interpreter of an environment that
has Orquesta (`pip install orquesta`); it says what StackStorm accepts. COMMAND is the Stretto to examine.

Nothing of the packs is executed, and no environment is made. A definition runs to its end if no finding stands in its
way, every action that it names is there and can run, and so do the workflows that it calls. A pack that is in none of
the repositories is a reason of its own. An action can run if its pack does not refuse it; whether the libraries that
it requires can be installed is not looked at.
"""

import argparse
import json
import shlex
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

ORIGIN = Path(__file__).parent / "peers" / "orquesta_accepts.py"
_ABOUT_ACTIONS: Final = frozenset({"missing_input", "unknown_action", "unknown_input"})
"""Codes of findings about actions, which Orquesta knows nothing of."""
_IN_THE_WAY: Final = _ABOUT_ACTIONS | {"needs_stackstorm"}
"""Codes of warnings with which a run does not reach its end."""
_SECONDS = 900.0
_FILES_AT_ONCE = 5_000


@dataclass
class Definition:
    """A definition of the corpus.

    Attributes:
        file: Its path.
        is_chain: Whether it is an ActionChain.
        origin_errors: What Orquesta says against it, "" if it accepts it. It says nothing of chains.
        calls: The refs that its tasks name.
        findings: What Stretto says of it.
    """

    file: str
    is_chain: bool
    origin_errors: str
    calls: list[str]
    findings: list[dict[str, str]] = field(default_factory=list)

    @property
    def refusals(self) -> list[str]:
        """The codes of Stretto's errors, but for those about actions."""
        codes = {each["code"] for each in self.findings if each["severity"] == "error"}
        return sorted(codes - _ABOUT_ACTIONS)


@dataclass(frozen=True, slots=True)
class ActionFile:
    """An action's metadata: its ref, its runner, and the file that it runs."""

    file: str
    ref: str
    runner: str
    program: str


class Corpus:
    """The definitions, actions and packs of a folder, and what Stretto makes of them."""

    def __init__(self, folder: Path, orquesta: Path, stretto: list[str]) -> None:
        self._stretto = stretto
        self.definitions: list[Definition] = []
        self.actions: list[ActionFile] = []
        output, _ = _printed([str(orquesta), str(ORIGIN), str(folder)])
        for each in map(json.loads, output.splitlines()):
            if each["kind"] == "action":
                self.actions.append(ActionFile(each["file"], each["ref"], each["runner"], each["program"]))
            else:
                is_chain = each["kind"] == "chain"
                found = Definition(each["file"], is_chain, each.get("errors", ""), each["calls"])
                self.definitions.append(found)
        self.refused: dict[str, str] = {}
        self.broken: list[str] = []
        self.packs = self._read_packs(folder)
        self._validate()

    def _read_packs(self, folder: Path) -> dict[str, Path]:
        """Return the packs that load, by ref. Of two with one ref, the first by its path counts."""
        manifests = sorted(folder.resolve().rglob("pack.yaml"))
        options = [word for each in manifests for word in ("--packs", str(each.parent))]
        listed, errors = _printed([*self._stretto, "packs", "list", "--json", *options])
        packs: dict[str, Path] = {}
        for pack in json.loads(listed):
            if f"{pack['folder']}/" in errors:
                self.broken.append(pack["pack"])
            elif pack["pack"] not in packs:
                packs[pack["pack"]] = Path(pack["folder"])
                self.refused |= pack["refused"]
        return packs

    def _validate(self) -> None:
        options = [word for pack in self.packs.values() for word in ("--packs", str(pack))]
        files = [each.file for each in self.definitions] + [each.file for each in self.actions]
        found: dict[str, list[dict[str, str]]] = defaultdict(list)
        for start in range(0, len(files), _FILES_AT_ONCE):
            some = files[start : start + _FILES_AT_ONCE]
            validated, _ = _printed([*self._stretto, "validate", "--json", *options, *some])
            for each in json.loads(validated):
                found[each["file"]].append(each)
        self.findings = found
        for definition in self.definitions:
            definition.findings = found.get(definition.file, [])

    def reasons(self, definition: Definition, seen: frozenset[str] = frozenset()) -> set[str]:
        """Return what keeps a definition from running to its end."""
        reasons = {f"finding {code}" for code in definition.refusals}
        refused = [ref for ref in definition.calls if (ref.partition(".")[0] in self.packs) and ref in self.refused]
        foreign = [ref for ref in definition.calls if self._is_foreign(ref)]
        for each in definition.findings:
            if each["code"] == "unknown_action" and any(f"'{ref}'" in each["message"] for ref in (*refused, *foreign)):
                continue
            if each["code"] in _IN_THE_WAY:
                core = next((ref for ref in definition.calls if f"'{ref}'" in each["message"]), "")
                reasons.add(f"finding {each['code']} {core if core.startswith('core.') else ''}".rstrip())
        reasons |= {f"refused action: {self.refused[ref]}" for ref in refused}
        reasons |= {f"pack {ref.partition('.')[0]}" for ref in foreign}
        workflows = {each.ref: each for each in self.actions if each.runner in {"orquesta", "action-chain"}}
        by_file = {each.file: each for each in self.definitions}
        for ref in definition.calls:
            called = by_file.get(workflows[ref].program) if ref in workflows and ref not in seen else None
            if called is not None:
                reasons |= self.reasons(called, seen | {ref})
        return reasons

    def code_of(self, message: str) -> str:
        """Return the code of a refusal, which a pack's list shows by its message."""
        return next(
            (each["code"] for found in self.findings.values() for each in found if each["message"] == message), message
        )

    def _is_foreign(self, ref: str) -> bool:
        pack, dot, _ = ref.partition(".")
        return (
            bool(dot) and pack not in self.packs and pack not in {"core", "std"} and "<%" not in ref and "{" not in ref
        )


def _printed(command: list[str]) -> tuple[str, str]:
    """Return what a command prints, to standard output and to standard error. Exit code 1 is for findings."""
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_SECONDS)
    if ended.returncode not in {0, 1} or not ended.stdout:
        sys.exit(f"{command[0]} {command[1]} exited with {ended.returncode}: {ended.stderr.strip()[-2000:]}")
    return ended.stdout, ended.stderr


def _kind(reason: str) -> str:
    """Return a reason without the names in it."""
    words = reason.split(" ")
    return "imports more of StackStorm" if "which is part of StackStorm" in reason else " ".join(words[:8])


def _counted(name: str, reasons: Iterable[str]) -> list[str]:
    counts = Counter(reasons)
    return [f"| {count:,} | {each} |" for each, count in counts.most_common()] if counts else [f"| 0 | {name} |"]


def _share(part: int, whole: int) -> str:
    return f"{part:,} of {whole:,} ({100 * part / whole:.0f} %)" if whole else "0 of 0"


def report(corpus: Corpus) -> tuple[str, dict[str, Any]]:
    """Return what was found as text, and as data."""
    accepted = [each for each in corpus.definitions if not each.is_chain and not each.origin_errors]
    taken = [each for each in accepted if not each.refusals]
    reasons = {each.file: corpus.reasons(each) for each in accepted}
    runnable = [each for each in accepted if not reasons[each.file]]
    but_for_packs = [each for each in accepted if all(why.startswith("pack ") for why in reasons[each.file])]
    chains = [each for each in corpus.definitions if each.is_chain]
    lines = [
        f"packs {len(corpus.packs):,} and {len(corpus.broken):,} with errors, actions {len(corpus.actions):,}",
        f"Orquesta definitions {len(corpus.definitions) - len(chains):,}, chains {len(chains):,}",
        "",
        f"Orquesta accepts {len(accepted):,} definitions",
        f"of them accepted by Stretto: {_share(len(taken), len(accepted))}",
        f"of them run to their end: {_share(len(runnable), len(accepted))}",
        f"of them run if packs that are not here were there: {_share(len(but_for_packs), len(accepted))}",
        f"chains that are accepted: {_share(sum(not each.refusals for each in chains), len(chains))}",
        "",
        "| definitions | what stands in the way |",
        "|---|---|",
        *_counted("nothing", (_kind(why) for found in reasons.values() for why in found)),
        "",
        "| runner_type | actions | usable | refused for |",
        "|---|---|---|---|",
    ]
    table = _by_runner(corpus)
    for runner, row in table.items():
        why = ", ".join(f"{code} {count:,}" for code, count in row["refused"].items())
        lines.append(f"| {runner} | {row['actions']:,} | {_share(row['usable'], row['actions'])} | {why} |")
    not_taken = {each.file: each.refusals for each in accepted if each.refusals}
    data = {
        "accepted by Orquesta": len(accepted),
        "accepted": len(taken),
        "runnable": len(runnable),
        "runnable but for packs": len(but_for_packs),
        "not accepted": not_taken,
        "reasons": {file: sorted(found) for file, found in reasons.items() if found},
        "chains refused": {each.file: each.refusals for each in chains if each.refusals},
        "actions refused": {each.file: code for each in corpus.actions if (code := _refusal(corpus, each))},
        "runners": table,
    }
    return "\n".join(lines), data


def _by_runner(corpus: Corpus) -> dict[str, dict[str, Any]]:
    """Return the numbers of actions, of usable ones and of those refused for a code, by runner, the largest first."""
    of_runner: dict[str, list[str]] = defaultdict(list)
    for action in corpus.actions:
        of_runner[action.runner].append(_refusal(corpus, action))
    return {
        runner: {
            "actions": len(codes),
            "usable": codes.count(""),
            "refused": dict(Counter(code for code in codes if code).most_common()),
        }
        for runner, codes in sorted(of_runner.items(), key=lambda item: -len(item[1]))
    }


def _refusal(corpus: Corpus, action: ActionFile) -> str:
    """Return the code of the first error in an action's metadata or its files, or ""."""
    if action.ref in corpus.refused:
        return corpus.code_of(corpus.refused[action.ref])
    codes = [each["code"] for each in corpus.findings.get(action.file, ()) if each["severity"] == "error"]
    if action.runner in {"orquesta", "action-chain"}:
        codes = [code for code in codes if code not in _ABOUT_ACTIONS]
    return next(iter(codes), "")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--orquesta", type=Path, required=True, metavar="PYTHON")
    parser.add_argument("--stretto", default=str(Path(sys.executable).with_name("stretto")), metavar="COMMAND")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything, with the files, as JSON")
    given = parser.parse_args()
    text, everything = report(Corpus(given.folder, given.orquesta, shlex.split(given.stretto)))
    if given.json is not None:
        given.json.write_text(json.dumps(everything, indent=1), encoding="utf-8")
    print(text)
