"""What is kept of an exception's message."""

from stretto.actors.runners.base import MAX_MESSAGE_LENGTH, message_of
from stretto.definitions.context.masking import MASK, Mask


def test_a_long_message_is_cut_and_says_so() -> None:
    """So that a mask hides the beginning of a secret that the cut goes through."""
    secret = "s3cr3t-" * MAX_MESSAGE_LENGTH
    message = message_of(ValueError(f"no {secret}"))
    assert len(message) < MAX_MESSAGE_LENGTH
    assert Mask([secret]).text(message) == "no ... (140,003 characters)"
    assert Mask(["s3cr3t-"]).text(message).startswith(f"no {MASK}{MASK}")
    assert message_of(ValueError("n" * MAX_MESSAGE_LENGTH)) == "n" * MAX_MESSAGE_LENGTH
