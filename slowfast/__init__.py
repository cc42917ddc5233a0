"""Video understanding networks, and what it takes to train and test them."""

__version__ = "0.1.0"
