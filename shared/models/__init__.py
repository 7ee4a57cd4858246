"""Plain values of the domain. Imports no other package of the project."""
