"""Options: declared in `sections`, read by `load_config`, frozen afterwards."""

from fvcore.common.config import CfgNode

from slowfast.config.errors import ConfigError, ProjectError
from slowfast.config.loading import default_config, describe_options, load_config
from slowfast.config.projects import load_projects
from slowfast.options import Option, Reason, Section, switched_off

__all__ = [
    "CfgNode",
    "ConfigError",
    "Option",
    "ProjectError",
    "Reason",
    "Section",
    "default_config",
    "describe_options",
    "load_config",
    "load_projects",
    "switched_off",
]
