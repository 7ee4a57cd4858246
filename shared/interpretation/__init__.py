"""Machine interpretation of a session: its runs, slots and tickets."""
