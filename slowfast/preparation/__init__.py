"""Getting videos ready: lists from folders, copies that load fast, and a check of what is there."""
