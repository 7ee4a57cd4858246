"""Tests of the synthesized template: they check what is deployed, not how the code builds it."""
