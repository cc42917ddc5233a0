"""The command lines. Installed, this folder is the package `slowfast_tools`, for `tools` is a name that others use too."""
