"""Finding the projects that are installed beside the library.

A project announces itself through the entry-point group `slowfast.projects`; the entry point is a function without
arguments that fills the registries. Registries belong to a process: a spawned one has to load the projects again.
"""

import functools
from importlib.metadata import entry_points

from slowfast.config.errors import ProjectError

ENTRY_POINT_GROUP = "slowfast.projects"


@functools.cache
def load_projects() -> tuple[str, ...]:
    """Loads every installed project, once a process, and returns their names."""
    names = []
    for entry in sorted(entry_points(group=ENTRY_POINT_GROUP), key=lambda entry: entry.name):
        if entry.name in names:  # the same project, found through the source folder and through the installation
            continue
        try:
            entry.load()()
        except (ImportError, AttributeError) as error:
            raise ProjectError(
                f"the project {entry.name!r} is announced ({entry.value}) but cannot be loaded: {error}. "
                "If you moved or updated the source folder, run `pip install -e .` in it again; "
                "if the project is gone, uninstall the package that announces it."
            ) from error
        names.append(entry.name)
    return tuple(names)
