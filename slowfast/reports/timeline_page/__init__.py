"""One video as an HTML page that needs no network and no server: a player, scores along its time, events that lead into it."""
