"""Ways to solve a problem; they do not know each other, and `solve` chooses among them."""
