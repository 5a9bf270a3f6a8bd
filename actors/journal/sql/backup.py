"""A store is copied and checked, also while a process writes it.

Nothing of a database is imported before there is one to open, as in `opening`.
"""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from stretto.actors.journal.location import InFile, InMemory, InPostgres, locate
from stretto.definitions.errors import StrettoError

if TYPE_CHECKING:
    from stretto.actors.journal.encryption import Keyring


class CannotBackUp(StrettoError):
    """The store cannot be copied; the message says what to do."""

    code = "cannot_back_up"


def backup(url: str, target: Path) -> None:
    """Copy a store into a new file, which is complete once it is there; a process may write the store meanwhile.

    Raises `CannotBackUp`, `CannotOpenStore`.
    """
    match locate(url):
        case InFile(path):
            _copy_file(path, target)
        case InPostgres(url):
            raise CannotBackUp(
                f"a store in PostgreSQL is backed up by PostgreSQL's own program: {_pg_dump(url, target)}"
            )
        case InMemory():
            raise CannotBackUp("a store in memory (sqlite://) cannot be backed up: it ends with its process")


def check(url: str, keyring: "Keyring | None") -> list[str]:
    """Return what is wrong with a store, one line each, the first hundred; an empty list: nothing.

    Raises `CannotOpenStore`.
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
            raise CannotBackUp(f"cannot back up to {target}: there is such a file already; choose another") from None
        except OSError as error:
            raise CannotBackUp(f"cannot back up to {target}: {error.strerror}") from error


def _pg_dump(url: str, target: Path) -> str:
    from stretto.actors.journal.sql.postgresql import Postgres  # noqa: PLC0415 - see above

    return shlex.join(
        ["pg_dump", "--format=custom", f"--file={target}", f"--dbname={Postgres(url).without_password()}"]
    )
