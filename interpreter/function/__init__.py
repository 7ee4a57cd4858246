"""The function `interpreter`: runs of a machine that succeed one another."""
