"""The tables of functions and routes, from which the stack is built."""
