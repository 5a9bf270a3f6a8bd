"""Inquiries for tests: what a run asks, as soon as it is durable."""

from stretto.actors.journal import Inquiry, InquiryEnd
from tests.support.engines import Bench
from tests.support.waiting import PATIENCE, Inbox, messages_of

ASK = """
ref: test.ask
tasks:
  - name: approve
    action: core.ask
    input: {prompt: "Deploy?"}
output_map: {answer: "{{ task.approve.result.response }}", by: "{{ task.approve.result.answered_by }}"}
"""


class Asked:
    """Listens to an engine's inquiries."""

    def __init__(self, bench: Bench) -> None:
        self._inbox = Inbox.start()
        self._told = messages_of(self._inbox)
        bench.proxy.host.subscribe_to_inquiries(self._inbox).get(timeout=PATIENCE)

    def next(self) -> Inquiry:
        """Wait for the next question."""
        while True:
            change = self._told.get(timeout=PATIENCE).change
            if isinstance(change, Inquiry):
                return change

    def next_end(self) -> InquiryEnd:
        """Wait for the next end of an inquiry."""
        while True:
            change = self._told.get(timeout=PATIENCE).change
            if isinstance(change, InquiryEnd):
                return change

    def stop(self) -> None:
        """Listen no more."""
        self._inbox.stop()
