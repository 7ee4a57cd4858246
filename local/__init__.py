"""Runs the synthesized CloudFormation template on this machine.

Routes, functions, environment and tables come from the template that is deployed.
"""
