"""AVA's clock: seconds of the film that the pictures were cut from."""

START_SECOND = 900
"""The second of the first picture of every video."""

FIRST_SECOND, LAST_SECOND = 902, 1798
"""The annotated seconds, both included."""
