"""Tests of the synthesized template: what would be deployed, not how it was written."""
