"""Reading of items from files, and writing of results to files, on a few threads of their own.

a run --FileWork.submit(job)--> a thread: read_items(kind, path, start) --> Piece
                                          results.append(key, lines)    --> the file's size, which the run journals
"""

from typing import TYPE_CHECKING

from stretto.definitions.lazy_face import lazy_face

if TYPE_CHECKING:
    from stretto.actors.files.access import FileAccess
    from stretto.actors.files.item_reader import Bounds, Piece, read_items
    from stretto.actors.files.protected import Opener, ProtectedFiles, RefusedFile
    from stretto.actors.files.results_writer import Key, lines_of
    from stretto.actors.files.text_lines import UnreadableSource
    from stretto.actors.files.workers import FileThreads, FileWork, RehearsedFiles
else:
    __getattr__ = lazy_face(
        __name__,
        {
            "access": "FileAccess",
            "item_reader": "Bounds Piece read_items",
            "protected": "Opener ProtectedFiles RefusedFile",
            "results_writer": "Key lines_of",
            "text_lines": "UnreadableSource",
            "workers": "FileThreads FileWork RehearsedFiles",
        },
    )

__all__ = [
    "Bounds",
    "FileAccess",
    "FileThreads",
    "FileWork",
    "Key",
    "Opener",
    "Piece",
    "ProtectedFiles",
    "RefusedFile",
    "RehearsedFiles",
    "UnreadableSource",
    "lines_of",
    "read_items",
]
