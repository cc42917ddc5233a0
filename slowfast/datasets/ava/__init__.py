"""AVA (Gu et al., arXiv:1705.08421): who does what at annotated seconds of films."""

from slowfast.datasets.ava.build import build_ava
from slowfast.datasets.ava.dataset import AvaDataset

__all__ = ["AvaDataset", "build_ava"]
