"""`stretto packs`: installs packs, makes their environments, and lists, shows and removes them."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from stretto.actors.cli.support.action_options import PACKS, packs_of_the_config
from stretto.actors.cli.support.exit_codes import FAILED, USAGE, give_up
from stretto.actors.cli.support.printable import echo_json, echo_lines
from stretto.actors.locating import is_file, is_folder, packs_in
from stretto.actors.packs import MAX_PACK_BYTES, MAX_PACK_FILES

if TYPE_CHECKING:
    from stretto.actors.packs import Pack
    from stretto.definitions.errors import StrettoError

_DEFAULT_FOLDER = "packs"
_INTO = click.option(
    "--into", metavar="DIR", help="The folder of packs. [default: the first of engine.packs, or packs]"
)
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group()
def packs() -> None:
    """Install packs, make their environments, and list, show and remove them.

    Exit codes: 0 done, 1 it cannot be done, 2 wrong usage.
    """


@packs.command()
@click.argument("source")
@_INTO
@click.option("--ref", default="", metavar="REF", help="A branch, a tag or a commit of a git repository.")
@click.option("--replace", is_flag=True, help="Replace the pack if it is installed.")
@click.option("--max-bytes", type=click.IntRange(1), default=MAX_PACK_BYTES, show_default=True, help="Bytes of a pack.")
@click.option("--max-files", type=click.IntRange(1), default=MAX_PACK_FILES, show_default=True, help="Files of a pack.")
def install(source: str, into: str | None, ref: str, max_bytes: int, max_files: int, *, replace: bool) -> None:
    """Install the pack in SOURCE: a folder, an archive or its https URL, or the URL of a git repository.

    Nothing of the pack is executed. It appears whole in the folder of packs, or not at all. `stretto packs setup` then
    makes its environment.
    """
    from stretto.actors.packs import CannotInstallPack, InstallOptions, install_pack

    try:
        installed = install_pack(source, _folder(into), InstallOptions(ref, replace, max_bytes, max_files))
    except CannotInstallPack as error:
        _fail(error)
    for finding in installed.findings:
        echo_lines(str(finding), err=True)
    echo_lines(f"{installed.ref} {installed.version}".rstrip() + f" is in {installed.folder}")
    if installed.needs_setup:
        echo_lines(f"its environment is not made; run `stretto packs setup {installed.folder}`", err=True)


@packs.command()
@click.argument("pack", nargs=-1)
@PACKS
@click.option("--allow-build", is_flag=True, help="Also install what is no wheel or release. That runs its code.")
@click.option("--no-index", is_flag=True, help="Fetch nothing from an index, nor over the network.")
@click.option("--find-links", multiple=True, metavar="DIR|URL", help="A folder or page with wheels. Repeatable.")
@click.option("--index-url", default="", metavar="URL", help="The index of Python packages.")
def setup(
    pack: tuple[str, ...],
    packs: tuple[str, ...],
    find_links: tuple[str, ...],
    index_url: str,
    *,
    allow_build: bool,
    no_index: bool,
) -> None:
    """Make the environments of all packs, or of each PACK: a folder, or a ref.

    Packages of requirements.txt are installed as wheels by uv or pip, those of package.json by npm without scripts.
    """
    from stretto.actors.packs import CannotInstallPack, CannotSetUpPack, SetupOptions, environments_of, make_environment

    options = SetupOptions(allow_build, no_index, find_links, index_url)
    failed = needed = False
    for folder in _chosen(pack, packs):
        try:
            for environment in environments_of(folder):
                needed = True
                if make_environment(environment, options, lambda line: echo_lines(line, err=True)):
                    echo_lines(f"{folder.name}: {environment.kind} environment made")
                else:
                    echo_lines(f"{folder.name}: {environment.kind} environment is made already")
        except (CannotSetUpPack, CannotInstallPack) as error:
            echo_lines(f"stretto: {error}", err=True)
            failed = True
        except OSError as error:
            echo_lines(f"stretto: {folder} cannot be read: {error.strerror}", err=True)
            failed = True
    if failed:
        raise SystemExit(FAILED)
    if not needed:
        echo_lines("no environment to make: no pack requires packages")


@packs.command("list")
@PACKS
@_JSON
def list_packs(packs: tuple[str, ...], *, as_json: bool) -> None:
    """List packs with their actions, environments and origins."""
    from stretto.actors.cli.runs.tables import show_table

    described = [_described(each) for each in _read(_folders(packs))]
    if as_json:
        echo_json(described, indent=2)
        return
    show_table(
        ("PACK", "VERSION", "ACTIONS", "REFUSED", "WORKFLOWS", "ENVIRONMENT", "SOURCE"),
        [
            (
                each["pack"], each["version"], len(each["actions"]), len(each["refused"]) or None,
                len(each["workflows"]) or None,
                _environments(each), (each["origin"] or {}).get("source", ""),
            )
            for each in described
        ],
    )  # fmt: skip


@packs.command()
@click.argument("ref")
@PACKS
@_JSON
def show(ref: str, packs: tuple[str, ...], *, as_json: bool) -> None:
    """Show the pack REF: its actions and workflows, the refused ones with reasons, its environment and origin."""
    read = {each.manifest.ref: each for each in _read(_folders(packs))}
    if ref not in read:
        _unknown(ref, list(read))
    described = _described(read[ref])
    if as_json:
        echo_json(described, indent=2)
        return
    echo_lines(f"{ref} {described['version']}".rstrip() + f"\n  {described['description']}\n")
    echo_lines(f"folder: {described['folder']}\nenvironment: {_environments(described) or 'none'}")
    for each in described["environments"]:
        echo_lines(f"  {each['kind']}: {each['folder']}")
    if origin := described["origin"]:
        commit = f" ({origin['commit']})" if origin["commit"] else ""
        echo_lines(f"source: {origin['source']}{commit}")
    for name in filter(described.__getitem__, ("actions", "workflows")):
        echo_lines("\n".join([f"{name}:", *(f"  {each}" for each in described[name])]))
    for refused, reason in described["refused"].items():
        echo_lines(f"refused: {refused}: {reason}")


@packs.command()
@click.argument("ref")
@_INTO
def remove(ref: str, into: str | None) -> None:
    """Remove the installed pack REF, and the environments that no other pack needs."""
    from stretto.actors.packs import CannotInstallPack, remove_pack

    folder = _folder(into)
    try:
        remove_pack(ref, folder)
    except CannotInstallPack as error:
        _fail(error)
    echo_lines(f"{ref} is removed from {folder}")


def _folder(into: str | None) -> Path:
    """Return the folder where packs are installed."""
    return Path(into or next(iter(packs_of_the_config()), _DEFAULT_FOLDER))


def _folders(given: tuple[str, ...]) -> list[Path]:
    """Return the packs and folders of packs that a command is about. None at all ends the process."""
    named = given or packs_of_the_config() or (_DEFAULT_FOLDER,)
    for each in named:
        if not is_folder(Path(each)):
            give_up(f"there is no folder {each!r}; name the folder of packs with --packs", USAGE)
    return [Path(each) for each in named]


def _chosen(wanted: tuple[str, ...], given: tuple[str, ...]) -> list[Path]:
    """Return the packs' folders with the wanted refs or paths. An unknown one ends the process."""
    paths = [Path(each) for each in wanted if is_file(Path(each) / "pack.yaml")]
    refs = [each for each in wanted if not is_file(Path(each) / "pack.yaml")]
    if wanted and not refs:
        return paths
    by_ref = {each.manifest.ref: each.manifest.folder for each in _read(_folders(given))}
    for each in refs:
        if each not in by_ref:
            _unknown(each, list(by_ref))
    return [*paths, *(by_ref[each] for each in refs)] if wanted else list(by_ref.values())


def _read(folders: list[Path]) -> "list[Pack]":
    """Read packs. Errors go to standard error, and the packs without them are returned."""
    from stretto.actors.packs import examine_packs

    found, errors = examine_packs(folder for each in folders for folder in packs_in(each))
    for finding in errors:
        echo_lines(str(finding), err=True)
    return found


def _described(pack: "Pack") -> dict[str, Any]:
    import msgspec

    from stretto.actors.packs import origin_of

    origin = origin_of(pack.manifest.folder)
    return {
        "pack": pack.manifest.ref,
        "version": pack.manifest.version,
        "description": pack.manifest.description,
        "folder": str(pack.manifest.folder),
        "actions": sorted(each.ref for each in pack.actions),
        "workflows": sorted(each.ref for each in pack.workflows),
        "refused": {each.ref: each.findings[0].message for each in pack.refused},
        "environments": _environments_of(pack.manifest.folder),
        "origin": None if origin is None else msgspec.to_builtins(origin),
    }


def _environments_of(folder: Path) -> list[dict[str, Any]]:
    """Return the environments of a pack; an error goes to standard error, and none are returned then."""
    from stretto.actors.packs import environments_of

    try:
        return [
            {"kind": each.kind, "made": each.is_made, "folder": str(each.folder)} for each in environments_of(folder)
        ]
    except OSError as error:
        echo_lines(f"stretto: {error.filename or folder} cannot be read: {error.strerror}", err=True)
        return []


def _environments(described: dict[str, Any]) -> str:
    return ", ".join(f"{each['kind']} {'made' if each['made'] else 'not made'}" for each in described["environments"])


def _unknown(ref: str, known: list[str]) -> NoReturn:
    from stretto.definitions.errors import names_there, nearest

    hint = nearest(ref, known) or names_there(known)
    give_up(f"there is no pack {ref!r}" + (f"; {hint}" if hint else ""), USAGE)


def _fail(error: "StrettoError") -> NoReturn:
    give_up(str(error), FAILED)
