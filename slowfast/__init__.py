"""Video understanding networks, and what it takes to train and test them."""

from slowfast.namesake import explain_missing_modules
from slowfast.version import VERSION

__version__ = VERSION

DISTRIBUTION = "slowfast-pgt"
"""What is installed to get this package. Tools and projects look for it: another distribution brings a `slowfast` as well."""

explain_missing_modules()
