"""What the functions share: models, data access, services, utilities."""
