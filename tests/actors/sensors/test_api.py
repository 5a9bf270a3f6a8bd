"""The API for Attune's sensors: each process has a port, and connections, of its own."""

import asyncio
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

from stretto.actors.sensors.api import MAX_API_CONNECTIONS, SensorApi

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def user() -> Any:
    return SimpleNamespace(program=SimpleNamespace(uses_api=True, pack="probes"))


async def connect(access: dict[str, str]) -> Streams:
    place = urlsplit(access["ATTUNE_API_URL"])
    return await asyncio.open_connection(place.hostname, place.port)


async def status(streams: Streams, token: str) -> int | None:
    """Ask for a key that there is not. Return the status, or None if the connection is closed."""
    reader, writer = streams
    writer.write(f"GET /api/v1/keys/none HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {token}\r\n\r\n".encode())
    head = await reader.readline()
    return int(head.split()[1]) if head else None


def test_a_sensor_that_takes_all_its_connections_takes_none_of_another_one() -> None:
    async def test() -> None:
        api = SensorApi(1000, None)
        async with api.access(user()) as greedy, api.access(user()) as other:
            token = greedy["ATTUNE_API_TOKEN"]
            held = [await connect(greedy) for _ in range(MAX_API_CONNECTIONS)]
            assert {await status(each, token) for each in held} == {404}
            more = await connect(greedy)
            assert await more[0].read() == b""
            modest = await connect(other)
            assert await status(modest, other["ATTUNE_API_TOKEN"]) == 404
            for _reader, writer in (*held, more, modest):
                writer.close()

    asyncio.run(test())


def test_a_token_is_for_the_port_of_its_own_process() -> None:
    async def test() -> None:
        api = SensorApi(1000, None)
        async with api.access(user()) as first, api.access(user()) as second:
            streams = await connect(first)
            assert await status(streams, second["ATTUNE_API_TOKEN"]) == 401
            streams[1].close()

    asyncio.run(test())


def test_the_port_ends_with_the_process() -> None:
    async def test() -> None:
        async with SensorApi(1000, None).access(user()) as access:
            reader, writer = await connect(access)
            assert await status((reader, writer), access["ATTUNE_API_TOKEN"]) == 404
        await reader.read()  # the rest of the answer, and the end
        writer.close()
        place = urlsplit(access["ATTUNE_API_URL"])
        with_port = asyncio.open_connection(place.hostname, place.port)
        refused = (await asyncio.gather(with_port, return_exceptions=True))[0]
        assert isinstance(refused, ConnectionRefusedError)

    asyncio.run(test())
