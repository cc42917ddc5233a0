"""Formats of annotation that several parts of the library read; a leaf, so that all of them may."""
