"""The proxy that stages races."""

from __future__ import annotations

import pytest

from tests.helpers.race_proxy import RaceProxy


class Notebook:
    def __init__(self) -> None:
        self.lines: list[str] = []

    def write(self, line: str) -> int:
        self.lines.append(line)
        return len(self.lines)


def test_actions_run_once_around_the_next_call() -> None:
    notebook = Notebook()
    proxy = RaceProxy(notebook)
    proxy.before["write"] = lambda: notebook.write("before")
    proxy.after["write"] = lambda: notebook.write("after")

    assert proxy.write("during") == 2
    assert proxy.write("later") == 4

    assert proxy.lines == ["before", "during", "after", "later"]
    proxy.assert_no_hooks_left()


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("name", ["wrote", "lines"])
def test_names_that_are_no_methods_are_rejected(when: str, name: str) -> None:
    proxy = RaceProxy(Notebook())

    with pytest.raises(AttributeError, match=f"Notebook has no method '{name}'"):
        getattr(proxy, when)[name] = lambda: None


@pytest.mark.parametrize("when", ["before", "after"])
def test_hooks_that_never_ran_are_reported(when: str) -> None:
    proxy = RaceProxy(Notebook())
    getattr(proxy, when)["write"] = lambda: None

    with pytest.raises(AssertionError, match="never called"):
        proxy.assert_no_hooks_left()
