"""Groups of errors of runs that other engines watch: news have the ids of groups, and answers their texts.

    owner --PeerNews: ids, counts--> watcher --error_groups: new ids--> owner --their texts--> watcher

A text travels once to each watcher, in the store's table of requests. Anyone who can connect to the database can listen
to news. So an id says nothing of its text: it is a digest with a random key of the engine.
"""

from collections.abc import Iterable, Mapping
from hashlib import blake2b
from typing import Any, Final

import msgspec

from stretto.actors.engine.run_states import ErrorCount, ErrorKey, News
from stretto.actors.runs import ErrorGroup, RunChanges

MAX_NEWS_GROUPS: Final = 500
"""Groups in one piece of news. Further ones are in the next."""
MAX_ASKED_GROUPS: Final = 200
"""Groups whose texts an engine is asked for at a time."""
_ID_BYTES: Final = 8
# msgspec builds its knowledge of a type at the first use, which crashes the process when two threads do it at once.
msgspec.convert(msgspec.to_builtins(ErrorGroup("", 0, "", "", None, 0, 0)), ErrorGroup)


class NamedErrors:
    """The groups of errors of a run that other engines watch."""

    def __init__(self, key: bytes) -> None:
        """Begin without any.

        Args:
            key: The engine's key for ids.
        """
        self._key = key
        self._groups: dict[bytes, ErrorGroup] = {}
        self._unsent: dict[bytes, None] = {}

    @property
    def has_more(self) -> bool:
        """Whether groups have changed that `take` has not returned."""
        return bool(self._unsent)

    def update(self, changes: RunChanges) -> None:
        """Take over the groups that changes have. Complete ones have all of them."""
        if changes.since is None:
            self._groups, self._unsent = {}, {}
        for each in changes.errors:
            name = self._id_of(each)
            self._groups[name] = each
            self._unsent[name] = None

    def take(self) -> list[ErrorCount]:
        """Return groups that have changed, at most MAX_NEWS_GROUPS."""
        taken = list(self._unsent)[:MAX_NEWS_GROUPS]
        for name in taken:
            del self._unsent[name]
        return [ErrorCount(name, self._groups[name].visit, self._groups[name].count) for name in taken]

    def named(self, names: Iterable[str]) -> list[Any]:
        """Return groups by their ids in hexadecimal digits, see `groups_from_json`. Unknown ones are left out."""
        found = ((name, self._groups.get(bytes.fromhex(name))) for name in names)
        return [[name, msgspec.to_builtins(each)] for name, each in found if each is not None]

    def first(self, groups: Iterable[ErrorGroup]) -> list[Any]:
        """Return groups of a run with their ids, at most MAX_ASKED_GROUPS: those with the most items."""
        most = sorted(groups, key=lambda each: -each.count)[:MAX_ASKED_GROUPS]
        return [[self._id_of(each).hex(), msgspec.to_builtins(each)] for each in most]

    def _id_of(self, group: ErrorGroup) -> bytes:
        return blake2b(msgspec.msgpack.encode(group.key), key=self._key, digest_size=_ID_BYTES).digest()


def groups_from_json(value: Iterable[Any]) -> dict[bytes, ErrorGroup]:
    """Return groups by their ids, as their engine has answered."""
    return {bytes.fromhex(name): msgspec.convert(group, ErrorGroup) for name, group in value}


class KnownErrors:
    """The groups of errors of another engine's run, as far as they are known here.

    Attributes:
        groups: The groups that have items. Those whose texts are missing are as they were before.
        asked: Whether texts were asked for, and have not come.
        more: Whether the last news have left out groups.
    """

    def __init__(self) -> None:
        self.groups: Mapping[ErrorKey, ErrorGroup] = {}
        self.asked = self.more = False
        self._texts: dict[bytes, ErrorGroup] = {}
        self._counts: dict[bytes, ErrorCount] = {}

    @property
    def missing(self) -> list[str]:
        """The ids of groups whose texts are not known, in hexadecimal digits."""
        return [name.hex() for name, each in self._counts.items() if each.items and name not in self._texts]

    def update(self, news: News, *, whole: bool) -> None:
        """Take over what news say."""
        self.more = news.more_errors
        if whole:
            self._counts = {}
        elif not news.errors:
            return
        self._counts.update({each.id: each for each in news.errors})
        if whole:
            self._texts = {name: each for name, each in self._texts.items() if name in self._counts}
        self._count()

    def add_texts(self, groups: Mapping[bytes, ErrorGroup]) -> None:
        """Take over texts that have come with the state of the run. Called on any thread."""
        self._texts = {**self._texts, **groups}

    def answered(self, asked: Iterable[str], groups: Mapping[bytes, ErrorGroup]) -> None:
        """Take over the texts that were asked for. The engine does not know the other ones any more."""
        self.asked = False
        self.add_texts(groups)
        for name in map(bytes.fromhex, asked):
            if name not in self._texts:
                self._counts.pop(name, None)
        self._count()

    def _count(self) -> None:
        found = {}
        for name, each in self._counts.items():
            text = self._texts.get(name)
            if text is not None and each.items:
                found[text.key] = msgspec.structs.replace(text, visit=each.visit, count=each.items)
        self.groups = {**self.groups, **found} if self.missing else found
