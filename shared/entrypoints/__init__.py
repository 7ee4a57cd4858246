"""Entry points of the functions: decode an event, call one service, shape the answer."""
