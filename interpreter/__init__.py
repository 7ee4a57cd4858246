"""The machine interpreter: hears the floor of a session, and sends it in other languages.

    machine = Machine(engine, access.connect, Options(session_id="golden-eagle-427"))
    await machine.run()        # until the session ends, or somebody has let it `retire`

`access.connect` opens a connection that reconnects by itself, as `client.connection.reconnecting`
does. From another task, `await machine.retire()` lets it finish its sentence, hand over to whoever waits and leave, in
bounded time; `await machine.take_over()` makes it the voice where another machine is. The pieces:
`machine` puts together `follower` (who listens), `places` and `booth` (seats and leases), `ear`
(the floor and the recogniser) and `voice` (translating, speaking and sending); `floor`, `backlog`,
`pacer`, `guard`, `fitness` and `floor_captions` decide without any input or output; an `engine`
does the work.
"""
