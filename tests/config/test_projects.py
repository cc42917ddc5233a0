import sys
import types
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint

import pytest

from slowfast.config import ProjectError, load_config, load_projects, projects

Announce = Callable[..., None]


@pytest.fixture
def announce(monkeypatch: pytest.MonkeyPatch) -> Iterator[Announce]:
    """Makes the installation announce projects, given as name = "module:function", instead of the real ones."""

    def with_projects(*pairs: tuple[str, str]) -> None:
        found = [EntryPoint(name, value, projects.ENTRY_POINT_GROUP) for name, value in pairs]
        monkeypatch.setattr(projects, "entry_points", lambda group: [point for point in found if point.group == group])
        load_projects.cache_clear()

    yield with_projects
    load_projects.cache_clear()


@pytest.fixture
def juggle(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """An importable project `juggle`; the list says how often it was loaded."""
    calls: list[str] = []
    module = types.ModuleType("juggle")
    vars(module).update(register=lambda: calls.append("juggle"))
    monkeypatch.setitem(sys.modules, "juggle", module)
    return calls


def test_project_is_loaded_once_a_process_even_when_announced_twice(announce: Announce, juggle: list[str]) -> None:
    announce(("juggle", "juggle:register"), ("juggle", "juggle:register"))
    assert load_projects() == ("juggle",)
    load_config()
    assert juggle == ["juggle"]


def test_project_of_this_repository_is_found() -> None:
    assert "pgt" in load_projects()


@pytest.mark.parametrize("value", ["no_such_project:register", "juggle:no_such_function"])
def test_announced_project_that_cannot_be_loaded_comes_with_advice(announce: Announce, juggle: list[str], value: str) -> None:
    announce(("ghost", value))
    with pytest.raises(ProjectError, match=rf"'ghost' is announced \({value}\) .*no_such.*pip install -e \."):
        load_config()


def test_project_whose_own_imports_fail_comes_with_advice(announce: Announce, juggle: list[str]) -> None:
    def register() -> None:
        raise ImportError("No module named 'balls'")

    vars(sys.modules["juggle"]).update(register=register)
    announce(("juggle", "juggle:register"))
    with pytest.raises(ProjectError, match=r"'juggle' is announced .* No module named 'balls'"):
        load_config()
