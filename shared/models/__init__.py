"""Plain values of the domain. They import nothing from other packages of the project."""
