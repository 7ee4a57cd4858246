"""What invokes functions besides requests: queues and schedules."""
