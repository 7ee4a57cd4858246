"""Runs the synthesized CloudFormation template on this machine.

The same routes, functions, environment and tables as deployed; nothing is wired a second time.
"""
