"""Tables, queues, schedules, secrets and the user pool."""
