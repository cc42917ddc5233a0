"""Layers that networks are made of, one idea a file. They know nothing of the config."""
