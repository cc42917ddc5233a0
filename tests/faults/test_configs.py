"""Config files with mistakes, made by chance: each is taken, or refused in one sentence, and none runs or opens anything."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from slowfast.commands.check_config import judge
from slowfast.config import load_config
from slowfast.config.shipped import shipped_configs
from slowfast.engine.preflight import check_network
from slowfast.errors import UserError
from tests.faults.config_mutations import write_mutated
from tests.faults.fuzzing import Case, chances, survive

CONFIGS = sorted(shipped_configs().rglob("*.yaml"))


class RefusedError(UserError):
    """What a verdict says, as an error."""


def check(path: Path, shapes: bool) -> None:
    """What the command check_config does, and then what a run does before its first iteration."""
    verdict = judge(path, str(path))
    if verdict.refused:
        raise RefusedError(f"{path}: {verdict.refused}")
    if shapes:
        check_network(load_config(path))


def cases(folder: Path, count: int, *, shapes: bool) -> Iterator[Case]:
    for number in range(count):
        rng = chances("configs", number)
        path = folder / f"{number}" / "mutated.yaml"
        path.parent.mkdir()
        what = write_mutated(path, rng.choice(CONFIGS), folder / "canary", rng)
        yield Case(number, what, lambda path=path: check(path, shapes))


def test_a_few_bad_configs_are_taken_or_refused_in_one_sentence(tmp_path: Path) -> None:
    survive("bad configs, a few", cases(tmp_path, 12, shapes=False))
    assert not (tmp_path / "canary").exists()


@pytest.mark.faults
def test_bad_configs_are_taken_or_refused_in_one_sentence(tmp_path: Path) -> None:
    survive("bad configs", cases(tmp_path, 300, shapes=True))
    assert not (tmp_path / "canary").exists()
