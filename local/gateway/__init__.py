"""API Gateway on this machine: WebSocket, @connections and HTTP APIs."""
