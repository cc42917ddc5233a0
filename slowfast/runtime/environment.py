"""What the environment says about the processes of a run, as torchrun and its like set it for each of them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from slowfast.runtime.errors import LaunchError

_NEEDED = ("RANK", "LOCAL_RANK", "WORLD_SIZE")
_NEEDED_BY_SEVERAL = ("MASTER_ADDR", "MASTER_PORT")
_MAX_PORT = 65535


@dataclass(frozen=True, slots=True)
class Membership:
    """Which process of a run this is: among all of them, and among those on this machine."""

    rank: int = 0
    local_rank: int = 0
    world_size: int = 1
    local_world_size: int = 1
    meeting_point: str = ""


def membership(variables: Mapping[str, str] = os.environ) -> Membership | None:
    """None where nobody has started this process as one of a run. Raises LaunchError for a part of what is needed, or nonsense.

    RANK 0 and WORLD_SIZE 1 without LOCAL_RANK, as some clusters set them for jobs of one container, say nothing.
    """
    present = [name for name in _NEEDED if variables.get(name)]
    alone = {"RANK": "0", "WORLD_SIZE": "1"}
    if not present or ("LOCAL_RANK" not in present and all(variables[name] == alone[name] for name in present)):
        return None
    world_size = _number(variables, "WORLD_SIZE", least=1) if "WORLD_SIZE" in present else 1
    needed = _NEEDED if world_size == 1 else (*_NEEDED, *_NEEDED_BY_SEVERAL)
    missing = [name for name in needed if not variables.get(name)]
    if missing:
        found = ", ".join(f"{name}={variables[name]}" for name in needed if variables.get(name))
        raise LaunchError(
            f"the environment holds {found} but not {', '.join(missing)}: a launcher such as torchrun sets all of them; to let "
            f"this command start its processes by itself, unset {', '.join(present)}"
        )
    local_size = _number(variables, "LOCAL_WORLD_SIZE", least=1) if variables.get("LOCAL_WORLD_SIZE") else None
    if world_size > 1:
        _number(variables, "MASTER_PORT", least=0, below=_MAX_PORT + 1)
    return Membership(
        rank=_number(variables, "RANK", least=0, below=world_size),
        local_rank=_number(variables, "LOCAL_RANK", least=0, below=local_size or world_size),
        world_size=world_size,
        local_world_size=local_size or 1,
        meeting_point=f"{variables.get('MASTER_ADDR', '')}:{variables.get('MASTER_PORT', '')}",
    )


def _number(variables: Mapping[str, str], name: str, *, least: int, below: int | None = None) -> int:
    text = variables[name]
    if text.isdecimal() and int(text) >= least and (below is None or int(text) < below):
        return int(text)
    right = f"at least {least}" if below is None else f"{least} to {below - 1}"
    raise LaunchError(f"the environment holds {name}={text!r}; right would be a whole number, {right}")
