"""Python client of Lingocast, for code and for the command line: speak, listen and interpret,
announce, and keep devices in step.

    async with connect("ws://127.0.0.1:8765/dev", token=token) as connection:
        session = await connection.create_session("en")

The pieces, from the wire up: `protocol`, `announcements`, `devices`, `reconnection` and `jitter`
decide without any input or output; `connection` moves bytes, and `lasting` is one that comes back
by itself; `speaker`, `listener` and `interpreter` are whole flows over either (a machine that
interprets is a package of its own, `interpreter`, over this one); `device_sync` keeps
one of a user's devices in step; `smoke` tries a stack; `cli` is for people. Run
`python -m cli --help`.
"""
