"""Python client of Lingocast: speak, listen and interpret from code or from the command line.

    async with connect("ws://127.0.0.1:8765/dev", token=token) as connection:
        session = await connection.create_session("en")

The pieces, from the wire up: `protocol`, `reconnection` and `jitter` decide without any input or
output; `connection` moves bytes, and `lasting` is one that comes back by itself; `speaker`,
`listener` and `interpreter` are whole flows over either; `smoke` tries a stack; `cli` is for
people. Run `python -m client --help`.
"""
