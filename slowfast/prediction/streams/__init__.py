"""Videos that are read as they come, and only once: what is piped into the command, cameras, and addresses."""
