"""Admission: request budgets per connection, and closing abusive connections."""
