"""The rules that people have disabled. The key-value store keeps this, in a scope that users do not see.

So it is durable, all engines of a store know it, and the reload of a file does not change it.
"""

from stretto.actors.dispatch import Deferred
from stretto.actors.engine.keys import EngineKeys
from stretto.actors.journal import DEFAULT_KEY_LIMITS, KeyPlace, PutKey, RemoveKey, Requester, StoredKey, asked_by
from stretto.actors.kv import new_key
from stretto.actors.runs import Services
from stretto.definitions.conductor import IllegalTransition
from stretto.definitions.rules import Rule


class RuleSwitches:
    """Disables and enables rules. Reading is thread-safe."""

    def __init__(self, services: Services, keys: EngineKeys) -> None:
        self._services = services
        self._keys = keys

    def find(self, ref: str) -> StoredKey | None:
        """Return the key that says who has disabled a rule, and when, or None if no one has."""
        return self._services.keys.snapshot.find(_place(ref), 0.0)

    def disable(self, rule: Rule, by: Requester | None) -> Deferred:
        """Let a rule answer no more events.

        Raises:
            IllegalTransition: It is a schedule.
        """
        if rule.schedule is not None:
            raise IllegalTransition(
                f"cannot disable {rule.ref!r}: it is a schedule, which `stretto schedules pause {rule.ref}` pauses"
            )
        now, place = self._services.now(), _place(rule.ref)
        change: PutKey = new_key(
            place, True, secret=False, lasts=None, expected=None, now=now,  # noqa: FBT003 - the value of a key
            by=None if by is None else by.who, limits=DEFAULT_KEY_LIMITS,
        )  # fmt: skip
        return self._keys.put(change, asked_by(by, "disable_rule", rule.ref, now))

    def enable(self, rule: Rule, by: Requester | None) -> Deferred | None:
        """Let a rule answer events again. Return None if no one has disabled it.

        Raises:
            IllegalTransition: Its file disables it.
        """
        if not rule.enabled:
            raise IllegalTransition(
                f"cannot enable {rule.ref!r}: {rule.file} has `enabled: false`, which only a change of the file undoes"
            )
        if self.find(rule.ref) is None:
            return None
        now, place = self._services.now(), _place(rule.ref)
        return self._keys.remove(RemoveKey(place, None, now), asked_by(by, "enable_rule", rule.ref, now))


def _place(ref: str) -> KeyPlace:
    return KeyPlace("rule", "", ref)
