"""Entry points of the functions: decode an event, call one service, reply."""
