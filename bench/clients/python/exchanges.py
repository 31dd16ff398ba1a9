"""Performs the exchanges of ../exchanges.json with Python's websockets.

    /usr/bin/python3 exchanges.py ws://127.0.0.1:8080/ ''

The arguments are the URL of the echo server and the extension that is to be negotiated, '' for none. Prints one JSON line for each exchange,
{"name", "ok", "detail"}, and exits with 1 if one of them failed.
"""

import asyncio
import json
import pathlib
import sys

import websockets

PATIENCE = 30  # seconds for one exchange; a healthy one never comes near it


class Failed(Exception):
    """The server did not answer as the exchange wants."""


def payload_of(exchange):
    """Returns str for a text message and bytes for a binary one, as the library tells them apart."""
    if exchange.get("octets") == "all":
        payload = bytes(range(256)) * exchange.get("times", 1)
    else:
        payload = exchange["text"] * exchange.get("times", 1)
    if exchange.get("opcode") == "binary" and isinstance(payload, str):
        payload = payload.encode()
    return payload


def excerpt(payload):
    return f"{type(payload).__name__} of length {len(payload)} {payload[:40]!r}"


def pieces_of(exchange):
    """Cuts the payload; text into characters, not octets, since the library sends only whole ones."""
    payload, size = payload_of(exchange), exchange["fragment"]
    return [payload[i : i + size] for i in range(0, len(payload), size)]


async def send(connection, exchange):
    """Sends the message of the exchange, in fragments if it says so."""
    if "fragment" in exchange:
        await connection.send(pieces_of(exchange))
    else:
        await connection.send(payload_of(exchange))


async def expect_message(connection, want):
    got = await connection.recv()
    if type(got) is not type(want) or got != want:
        raise Failed(f"received {excerpt(got)}, want {excerpt(want)}")


def expect_close_code(connection, want):
    """close_code is the code that the server sent, and 1006 if it sent no close frame."""
    if connection.close_code != want:
        raise Failed(f"closed with {connection.close_code}, want {want}")


async def echo(connection, exchange):
    await send(connection, exchange)
    await expect_message(connection, payload_of(exchange))


async def refuse(connection, exchange):
    try:
        await send(connection, exchange)
        got = await connection.recv()
    except websockets.ConnectionClosed:
        expect_close_code(connection, exchange["code"])
    else:
        raise Failed(f"received {excerpt(got)}, want a close with {exchange['code']}")


async def ping(connection, exchange):
    """The library completes the awaited ping only by a pong with the same payload."""
    await (await connection.ping(payload_of(exchange)))


async def close(connection, exchange):
    await connection.close(exchange["code"], exchange["reason"])
    expect_close_code(connection, exchange["code"])


async def pipeline(connection, exchange):
    messages = [f"{exchange['text']}{i}" for i in range(exchange["count"])]
    for message in messages:
        await connection.send(message)
    for message in messages:
        await expect_message(connection, message)


async def subprotocol(connection, exchange):
    if connection.subprotocol is not None:
        raise Failed(f"the server chose subprotocol {connection.subprotocol}, want none")


PERFORMERS = {f.__name__: f for f in (echo, refuse, ping, close, pipeline, subprotocol)}


async def perform(url, extension, exchange):
    async with websockets.connect(url, subprotocols=exchange.get("subprotocols"), max_size=None) as connection:
        negotiated = ",".join(e.name for e in connection.extensions)
        if negotiated != extension:
            raise Failed(f"negotiated the extension {negotiated!r}, want {extension!r}")
        await PERFORMERS[exchange["do"]](connection, exchange)


async def main(url, extension):
    table = json.loads((pathlib.Path(__file__).parent.parent / "exchanges.json").read_text(encoding="utf-8"))
    failed = False
    for exchange in table:
        detail = ""
        try:
            await asyncio.wait_for(perform(url, extension, exchange), PATIENCE)
        except Exception as error:  # whatever goes wrong is this exchange's result
            detail = f"{type(error).__name__}: {error}"
            failed = True
        print(json.dumps({"name": exchange["name"], "ok": not detail, "detail": detail}), flush=True)
    return 1 if failed else 0


sys.exit(asyncio.run(main(*sys.argv[1:])))
