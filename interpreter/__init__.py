"""The machine interpreter: hears the floor of a session, and sends it in other languages."""
