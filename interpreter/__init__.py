"""Machine interpreter: speaks a session's floor in other languages.

    machine = Machine(engine, access.connect, Options(session_id="golden-eagle-427"))
    await machine.run()        # until the session ends, or another task calls `retire`

`interpreter.machine` is the client that holds language channels and paces speech,
`interpreter.engine` the interface of engines, `interpreter.engines` their implementations, and
`interpreter.function` runs a machine as a Lambda function. `await machine.retire()` finishes the
current sentence, hands over to the stand-by and leaves, with a time limit for each step.
`await machine.take_over()` takes channels from other machines.
"""
