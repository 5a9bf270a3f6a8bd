"""Events and rules."""

from collections.abc import Mapping
from typing import Any

from stretto.actors.dispatch import Deferred
from stretto.actors.engine.actor import EngineActor
from stretto.actors.journal import PAGE, EventQuery, Requester


class EventMethods(EngineActor):
    """Events and rules."""

    def rules(self) -> list[dict[str, Any]]:
        """Return all rules by ref: [{rule, event, target, enabled, dialect, description, file, line}].

        They have `disabled_by` and `disabled_at`, too, which are None unless someone has disabled the rule.
        """
        return self._core.events.rules()

    def rule(self, rule: str) -> Deferred:
        """Return a rule as `rules` does, with more.

        Args:
            rule: The ref of the rule.

        Returns:
            The rule with {parameters, criteria: [{text, line}], inputs, matches}. `inputs` are names, and `matches` the
            newest ones: [{event, rule, target, run, at, started_at, error}].

        Raises:
            UnknownRule: There is no such rule.
        """
        return self._core.events.rule(rule)

    def disable_rule(self, rule: str, *, by: Requester | None = None) -> Deferred:
        """Let a rule answer no more events, until it is enabled. The reload of its file does not change that.

        Runs of events that were accepted before start all the same.

        Args:
            rule: The ref of the rule.
            by: As of `submit`.

        Returns:
            The rule as `rule` does, once this is durable.

        Raises:
            UnknownRule: There is no such rule.
            IllegalTransition: It is a schedule, which is paused instead.
        """
        return self._core.events.disable(rule, by)

    def enable_rule(self, rule: str, *, by: Requester | None = None) -> Deferred:
        """Let a rule that was disabled answer events again.

        Args:
            rule: The ref of the rule.
            by: As of `submit`.

        Returns:
            The rule as `rule` does, once this is durable.

        Raises:
            UnknownRule: There is no such rule.
            IllegalTransition: Its file disables it.
        """
        return self._core.events.enable(rule, by)

    def try_rule(
        self,
        rule: str,
        payload: Any = None,
        event_type: str | None = None,
        headers: Mapping[str, str] | None = None,
        parameters: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Return what a rule would make of an event. Nothing is recorded or started.

        Args:
            rule: The ref of the rule.
            payload: The payload of the event.
            event_type: The type of the event, by default the one that the rule listens to.
            headers: The headers of a webhook.
            parameters: The parameters of the trigger, by default those that the rule asks for.

        Returns:
            {answers, criteria: [{text, line, held, problem, found}], inputs, error}. `inputs` are masked, and None if
            the rule does not answer.

        Raises:
            UnknownRule: There is no such rule.
            InvalidInput: The payload, the headers or the parameters are not data.
        """
        return self._core.events.try_rule(rule, payload, event_type, headers or {}, parameters or {})

    def events(  # noqa: PLR0913 - the fields of a query
        self,
        *,
        event_type: str | None = None,
        source: str | None = None,
        since: float | None = None,
        until: float | None = None,
        matched: bool | None = None,
        cursor: str | None = None,
        limit: int = PAGE,
    ) -> Deferred:
        """Return a page of events without their payloads, the newest first.

        Args:
            event_type: Only events of this type.
            source: Only events from here, such as "hook:alertmanager".
            since: Only events that were accepted at this time, in seconds since the epoch, or later.
            until: Only events that were accepted before this time.
            matched: Only events that rules have answered, or only the others.
            cursor: The `next` of the page before.
            limit: The most events to return.

        Returns:
            {events: [{event, type, source, at, depth, cause, matched}], next}. `matched` is the number of rules that
            have answered.

        Raises:
            InvalidCursor: No page has this cursor.
        """
        query = EventQuery(
            type=event_type, source=source, since=since, until=until, matched=matched, cursor=cursor, limit=limit
        )
        return self._core.events.events(query)

    def event(self, event: str) -> Deferred:
        """Return an event as `events` does, with more.

        Args:
            event: The id of the event.

        Returns:
            The event with {payload, headers, parameters, matches, others}. `others` are the rules of its type that have
            not answered, with what its criteria say now: [{rule, criteria: [{text, line, held, problem, found}]}].

        Raises:
            UnknownEvent: There is no such event.
        """
        return self._core.events.event(event)

    def replay_event(self, event: str, *, by: Requester | None = None) -> Deferred:
        """Accept a copy of an event, which the rules in force answer now. Pass `by` as to `submit`.

        Args:
            event: The id of the event.
            by: As of `submit`.

        Returns:
            The id of the copy, once it is durable.

        Raises:
            UnknownEvent: There is no such event.
        """
        return self._core.events.replay(event, by)
