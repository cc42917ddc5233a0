"""Training and evaluation: the loops, and all that has to happen around them."""
