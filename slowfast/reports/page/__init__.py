"""Finished runs as one HTML page that needs nothing beside it: no network, no server, no other file.

`read_run` reads what a run left in its folder, `write_page` makes the page of one or several of them.
"""
