"""A small WebSocket API that does what it is told, to ask API Gateway itself how it behaves."""
