"""Where the packages lie; everything else about the distribution stands in pyproject.toml."""

from setuptools import find_packages, setup

ELSEWHERE = {
    "pgt": "projects/pgt/pgt",
    "longcook": "projects/longcook/longcook",
    "slowfast_tools": "tools",  # `tools` itself is a name that others use too
    "slowfast_configs": "configs",
}

setup(
    packages=[
        *find_packages(include=["slowfast", "slowfast.*"]),
        *find_packages("projects/pgt"),
        *find_packages("projects/longcook"),
        "slowfast_tools",
        "slowfast_configs",
    ],
    package_dir=ELSEWHERE,
    package_data={
        "slowfast_configs": ["*.json", "**/*.yaml", "**/*.json"],
        "slowfast_tools": ["*.txt"],
        "slowfast.reports.page": ["templates/*"],
        "slowfast.reports.timeline_page": ["templates/*"],
        "slowfast.visualization.player": ["*.js", "*.css"],
    },
)
