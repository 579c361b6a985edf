"""Solids by constructive geometry; a new kind is a class and its line in a list of READERS."""
