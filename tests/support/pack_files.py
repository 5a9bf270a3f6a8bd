"""Packs in folders, archives and repositories, as their authors publish them."""

import os
import subprocess
from pathlib import Path

MANIFEST = "ref: tools\nlabel: Tools\nversion: '1.0'\n"
METADATA = "ref: tools.greet\nrunner_type: python\nentry_point: greet.py\noutput_format: json\n"
CODE = 'import json\nprint(json.dumps({"said": "hello"}))\n'


def write_pack(folder: Path, **files: str) -> Path:
    """Write a pack with one action. Names of `files` have __ for / and _dot_ for a dot."""
    contents = {"pack.yaml": MANIFEST, "actions/greet.yaml": METADATA, "actions/greet.py": CODE}
    contents |= {name.replace("__", "/").replace("_dot_", "."): text for name, text in files.items()}
    for name, text in contents.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def git(folder: Path, *arguments: str) -> str:
    """Run git in a repository, and return what it prints."""
    who = {f"GIT_{role}_{what}": "a@b.c" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    variables = os.environ | who | {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"}
    ended = subprocess.run(["git", *arguments], cwd=folder, env=variables, check=True, capture_output=True, text=True)
    return ended.stdout.strip()


def commit_all(folder: Path, message: str = "x") -> str:
    """Commit everything in a folder, which becomes a repository, and return the commit."""
    if not (folder / ".git").exists():
        git(folder, "init", "--quiet", "--initial-branch=main")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", message)
    return git(folder, "rev-parse", "HEAD")
