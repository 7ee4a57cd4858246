"""The tables of functions and routes, from which everything else follows."""
