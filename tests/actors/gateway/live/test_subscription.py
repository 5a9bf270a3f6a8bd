"""One client's queue: frames in their order, at once if the client reads as fast."""

import asyncio

from stretto.actors.gateway.live.subscription import QUEUE_FRAMES, Subscription


def test_a_client_that_reads_gets_frames_at_once() -> None:
    """No task is woken for them. Without a way to end the answer at once, the last frames wait for the task."""

    async def test() -> None:
        subscription, sent = Subscription("s"), list[bytes]()
        subscription.begin([b"hello"])
        assert b"hello" in await subscription.take()

        def send(frame: bytes) -> bool:
            sent.append(frame)
            return True

        subscription.send_at_once = send
        subscription.put(b"1")
        subscription.put(b"2")
        subscription.end(b"3", b"4")
        subscription.put(b"5")
        assert sent == [b"1", b"2"]
        assert await subscription.take() == b"34"

    asyncio.run(test())


def test_frames_wait_for_a_client_that_does_not_read() -> None:
    """None overtakes another one, and a client that is too far behind is dropped."""

    async def test() -> None:
        subscription, asked, takes = Subscription("s"), list[bytes](), False
        await subscription.take()

        def send(frame: bytes) -> bool:
            asked.append(frame)
            return takes

        subscription.send_at_once = send
        subscription.put(b"1")
        takes = True
        subscription.put(b"2")
        assert (asked, await subscription.take()) == ([b"1"], b"12")
        subscription.put(b"3")
        assert asked == [b"1", b"3"]
        takes = False
        for _ in range(QUEUE_FRAMES + 1):
            subscription.put(b"4")
        assert (subscription.ended, subscription.lagging) == (True, True)
        assert b"event: lagging" in await subscription.take()

    asyncio.run(test())


def test_the_last_frames_end_the_answer_at_once_if_the_client_reads() -> None:
    """Otherwise they wait behind the others for the task."""

    async def test() -> None:
        for takes in (True, False):
            subscription, ended = Subscription("s"), list[bytes]()
            await subscription.take()

            def end(frames: bytes, takes: bool = takes, ended: list[bytes] = ended) -> bool:
                ended.append(frames)
                return takes

            subscription.end_at_once = end
            subscription.end(b"1", b"2")
            subscription.end(b"3")
            assert ended == [b"12"]
            assert (subscription.is_sent, await subscription.take()) == ((True, b"") if takes else (False, b"12"))
        behind = Subscription("s")
        await behind.take()
        behind.put(b"0")
        behind.end_at_once = end
        behind.end(b"1")
        assert await behind.take() == b"01"

    asyncio.run(test())
