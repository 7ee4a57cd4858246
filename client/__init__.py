"""Python client of Lingocast: speak, listen, interpret, announce and sync devices.

    async with connect("ws://127.0.0.1:8765/dev", token=token) as connection:
        session = await connection.create_session("en")

Packages, from the wire up:

- `protocol`: requests, events and session state, without I/O.
- `connection`: WebSocket connections, reconnection, rollover and token renewal.
- `sound`: sound files, pipes and devices as input, conversion, and outputs.
- `playback`: capture, jitter buffer, latency and recording.
- `tokens`: where tokens come from and how long they live.
- `flows`: complete speaker, listener, interpreter and device-sync flows.

`connect` is in `client.connection.websocket`; `reconnecting`, which survives lost connections, is
in `client.connection.reconnecting`. The machine interpreter is the package `interpreter`, and the
command line is `cli`: run `python -m cli --help`.
"""
