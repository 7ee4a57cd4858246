"""Local API Gateway: WebSocket APIs, HTTP APIs and @connections."""
