"""What happens: one service a concern. Repositories remember, the connection gateway sends."""
