"""Backup and check of a store, also while a process writes it.

Database libraries are imported when a store is opened, as in `journal.opening`.
"""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from stretto.actors.journal.location import InFile, InMemory, InPostgres, locate
from stretto.definitions.errors import StrettoError

if TYPE_CHECKING:
    from stretto.actors.journal.encryption import Keyring


class CannotBackUp(StrettoError):
    """The store cannot be copied. The message says what to do."""

    code = "cannot_back_up"


def backup(url: str, target: Path) -> None:
    """Copy a store into a new file, also while a process writes it. The file appears only once it is complete.

    Args:
        url: The store's URL.
        target: The new file.

    Raises:
        CannotBackUp: The target exists or cannot be written, or the store is not a file.
        CannotOpenStore: The store cannot be opened.
    """
    match locate(url):
        case InFile(path):
            _copy_file(path, target)
        case InPostgres(url):
            raise CannotBackUp(f"a store in PostgreSQL must be backed up with pg_dump: {_pg_dump(url, target)}")
        case InMemory():
            raise CannotBackUp("a store in memory (sqlite://) cannot be backed up: only its own process can read it")


def check(url: str, keyring: "Keyring | None") -> list[str]:
    """Check a store and return its problems, one line each, at most a hundred.

    Args:
        url: The store's URL.
        keyring: The keys of its secrets.

    Raises:
        CannotOpenStore: The store cannot be opened.
    """
    location = locate(url)
    from stretto.actors.journal.sql.integrity import problems  # noqa: PLC0415 - see above

    return problems(location, keyring)


def _copy_file(path: Path, target: Path) -> None:
    from stretto.actors.journal.sql.sqlite import check_file, copy_database, file_url  # noqa: PLC0415 - see above
    from stretto.actors.journal.sql.store import opening  # noqa: PLC0415 - see above

    with opening(file_url(path)):
        check_file(path)
        try:
            copy_database(path, target)
        except FileExistsError:
            raise CannotBackUp(f"cannot back up to {target}: the file exists; choose another") from None
        except OSError as error:
            raise CannotBackUp(f"cannot back up to {target}: {error.strerror}") from error


def _pg_dump(url: str, target: Path) -> str:
    from stretto.actors.journal.sql.postgresql import Postgres  # noqa: PLC0415 - see above

    return shlex.join(
        ["pg_dump", "--format=custom", f"--file={target}", f"--dbname={Postgres(url).without_password()}"]
    )
