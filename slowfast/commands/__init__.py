"""One file behind each tool, of the same name."""
