"""Admission: budgets of requests per connection, and what happens to abusive ones."""
