"""Complete flows: speak, listen, interpret, and keep a device in sync."""
