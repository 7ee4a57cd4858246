"""Simulation of fan-outs at sizes that no machine here can serve."""
