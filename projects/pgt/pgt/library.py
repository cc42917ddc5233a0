"""Imported before anything else of this package: sees that `slowfast` is the library that it needs.

Meta's PySlowFast has a package of the same name. Found in the library's place it would only make some import fail, whose
message says nothing of that.
"""

import slowfast

if getattr(slowfast, "DISTRIBUTION", None) != "slowfast-pgt":
    raise ImportError(
        f"the name slowfast leads to {slowfast.__file__ or list(slowfast.__path__)}, which is not the library that pgt needs "
        "(slowfast-pgt); Meta's PySlowFast has a package of this name too; right would be an environment of its own for each "
        "of the two (`python -m venv`), and a PYTHONPATH and a current folder that do not lead to the other"
    )
