"""What annotation tools export, read into one form: events and boxes of videos.

A file is told by what it holds, not by its name (`sniffing`); each format has a reader of its own; `matching` finds the videos
that exports name, and `gathering` makes one inventory of all of them.
"""
