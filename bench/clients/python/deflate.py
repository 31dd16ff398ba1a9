"""Echoes messages over permessage-deflate with Python's websockets, with each of the parameters that its
standard input says, as ../deflate_test.go has them.

Prints one JSON line for each case, {"name", "ok", "detail"}, and exits with 1 if one of them failed.
"""

import asyncio
import base64
import json
import sys

import websockets
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory

PATIENCE = 30  # seconds for one case; a healthy one never comes near it


def factory_of(case):
    client_bits = case["ClientMaxWindowBits"]
    return ClientPerMessageDeflateFactory(
        server_no_context_takeover=case["ServerNoContextTakeover"],
        client_no_context_takeover=case["ClientNoContextTakeover"],
        server_max_window_bits=case["ServerMaxWindowBits"] or None,
        client_max_window_bits=True if client_bits < 0 else client_bits or None,
    )


def payload_of(message):
    payload = base64.b64decode(message["Payload"])
    return payload.decode() if message["Opcode"] == "text" else payload


async def perform(case, messages):
    options = {"compression": None, "extensions": [factory_of(case)], "max_size": None}
    async with websockets.connect(case["URL"], **options) as connection:
        got = connection.response_headers["Sec-WebSocket-Extensions"]
        if got != case["Want"]:
            raise ValueError(f"negotiated {got}, want {case['Want']}")
        for index in case["Messages"]:
            payload, fragment = messages[index]
            if fragment:
                await connection.send([payload[i : i + fragment] for i in range(0, len(payload), fragment)])
            else:
                await connection.send(payload)
            echoed = await connection.recv()
            if type(echoed) is not type(payload) or echoed != payload:
                raise ValueError(f"message {index}: {len(echoed)} came, want {len(payload)}")


async def main():
    table = json.load(sys.stdin)
    messages = [(payload_of(m), m["Fragment"]) for m in table["messages"]]
    failed = False
    for case in table["cases"]:
        detail = ""
        try:
            await asyncio.wait_for(perform(case, messages), PATIENCE)
        except Exception as error:  # whatever goes wrong is this case's result
            detail = f"{type(error).__name__}: {error}"
            failed = True
        print(json.dumps({"name": case["Name"], "ok": not detail, "detail": detail}), flush=True)
    return 1 if failed else 0


sys.exit(asyncio.run(main()))
