"""Ways to solve a problem; they do not import each other, and `solve` chooses among them."""
