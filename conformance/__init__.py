"""The probe: a small WebSocket API that executes commands, to test API Gateway's behaviour."""
