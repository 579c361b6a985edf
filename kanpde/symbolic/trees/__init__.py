"""Formulas by a search over expression trees."""
