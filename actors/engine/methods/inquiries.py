"""The inquiries: questions that runs ask people."""

from typing import Any

from stretto.actors.dispatch import Deferred
from stretto.actors.engine.actor import EngineActor
from stretto.actors.journal import PAGE, InquiryStatus, Requester


class InquiryMethods(EngineActor):
    """The inquiries: questions that runs ask people."""

    def inquiries(
        self,
        run: str | None = None,
        *,
        status: InquiryStatus | None = None,
        cursor: str | None = None,
        limit: int = PAGE,
    ) -> Any:
        """Return a page of inquiries, the newest first.

        Args:
            run: Only those of this run.
            status: Only those that are "pending", "answered", "timed_out" or "cancelled".
            cursor: The `next` of the previous page.
            limit: How many.

        Returns:
            {inquiries, next}. Each is {id, status, run, workflow, task, visit, index, attempt, asked_at, expires_at,
            requested_by, prompt, schema, route, users, roles, ttl, not_requester, ended_at, answered_by, answered_via,
            response}. Secrets are masked.

        Raises:
            InvalidCursor: The cursor did not come from a page of inquiries.
        """
        return self._core.inquiries.list(status, run, cursor, limit)

    def inquiry(self, inquiry: str) -> Any:
        """Return an inquiry as `inquiries` does. Raises `UnknownInquiry`."""
        return self._core.inquiries.show(inquiry)

    def answer_inquiry(self, inquiry: str, response: Any, *, by: Requester | None = None) -> Deferred:
        """Answer an inquiry: its task succeeds with {response, answered_by, ...}. Answered when that is durable.

        Args:
            inquiry: The inquiry's id.
            response: The answer, which has to match the inquiry's schema.
            by: As of `submit`. Without it, the answer is the program's own, which may answer every inquiry.

        Returns:
            The inquiry, as `inquiry` returns it.

        Raises:
            UnknownInquiry: There is no such inquiry.
            InquiryEnded: It has been answered before, by whom the message says, or has ended without an answer.
            MayNotAnswer: Someone else must answer it.
            InvalidAnswer: The answer does not match the schema.
            LimitExceeded: The answer is too large.
        """
        return self._core.inquiries.answer(inquiry, response, by)

    def link_inquiry(
        self, inquiry: str, to: str, lasts: float | None = None, *, by: Requester | None = None
    ) -> Deferred:  # fmt: skip
        """Make a personal link: anyone who has it can answer the inquiry as one person, without a token.

        It dies with the inquiry. Only the digest of its code is stored.

        Args:
            inquiry: The inquiry's id.
            to: The name of the person, who then has answered, for `not_requester` and for the audit.
            lasts: How many seconds it can be used. It ends with the inquiry at the latest, or after 7 days if that
                never times out.
            by: As of `submit`. The person has the same role.

        Returns:
            {inquiry, to, url, expires_at}. The code in `url` is not shown again. Without a daemon, `url` is a path.

        Raises:
            UnknownInquiry: There is no such inquiry.
            InquiryEnded: It waits for no answer any more.
            MayNotAnswer: The person may not answer it.
            LimitExceeded: It has too many links.
        """
        return self._core.inquiry_links.make(inquiry, to, lasts, by)
