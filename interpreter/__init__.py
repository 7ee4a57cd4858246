"""The machine interpreter: hears a session's floor and sends it in other languages.

    machine = Machine(engine, access.connect, Options(session_id="golden-eagle-427"))
    await machine.run()        # until the session ends, or another task calls `retire`

`interpreter.machine` is a client that holds language channels and paces speech,
`interpreter.engine` the port that engines implement, `interpreter.engines` the engines, and
`interpreter.function` the machine's runs as a Lambda function. `await machine.retire()` finishes
the current sentence, hands over to the stand-by and leaves, in bounded time;
`await machine.take_over()` takes a channel from another machine.
"""
