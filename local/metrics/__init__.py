"""The running stack's metrics, read from the functions' logs."""
