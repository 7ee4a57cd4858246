"""The machine: hears the floor and sends it in the languages that have listeners."""
