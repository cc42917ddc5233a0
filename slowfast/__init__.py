"""Video understanding networks, and what it takes to train and test them."""

from slowfast.namesake import explain_missing_modules

__version__ = "0.1.0"

DISTRIBUTION = "slowfast-pgt"
"""What is installed to get this package. Tools and projects look for it: another distribution brings a `slowfast` as well."""

explain_missing_modules()
