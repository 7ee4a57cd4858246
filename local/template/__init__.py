"""Reads the synthesized CloudFormation template into the model of a stack."""
