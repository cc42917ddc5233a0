"""Installs the library `slowfast` and the projects `pgt` and `longcook`."""

from setuptools import find_packages, setup

setup(
    name="slowfast-pgt",
    version="0.1.0",
    description="Training of video networks on whole long videos",
    license="Apache-2.0",
    python_requires=">=3.11",
    packages=[
        *find_packages(include=["slowfast", "slowfast.*"]),
        *find_packages("projects/pgt"),
        *find_packages("projects/longcook"),
    ],
    package_dir={"pgt": "projects/pgt/pgt", "longcook": "projects/longcook/longcook"},
    entry_points={"slowfast.projects": ["pgt = pgt:register", "longcook = longcook:register"]},
    install_requires=[
        "torch>=2.4",
        "numpy",
        "fvcore",
        "iopath",
        "av>=14",
        "opencv-python-headless",
        "pandas",
        "tqdm",
        "tensorboard",
        "matplotlib",
        "portalocker",
        "pyyaml",
        "safetensors",
    ],
    # Finds persons for action detection (tools/detect_persons.py); everything else works without it.
    extras_require={"detection": ["detectron2"]},
)
