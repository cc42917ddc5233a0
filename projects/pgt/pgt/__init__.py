"""PGT: training on long videos, step by step (Pang et al., CVPR 2021, arXiv:2103.11313)."""


def register() -> None:
    """Fills the registries of the library; called once a process through the entry point `slowfast.projects`."""
