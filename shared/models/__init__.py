"""Plain values of the domain and the wire. Imports nothing of the rest of the project."""
