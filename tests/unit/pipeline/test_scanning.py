"""Which names a cell needs before it runs."""

from __future__ import annotations

import ast

import pytest

from jupyter_mlops.pipeline.scanning import class_names, needs_of


@pytest.mark.parametrize(
    "code",
    [
        "dict(globals())",
        "for name in locals():\n    pass",
        "print(dir())",
        "get_ipython().run_line_magic('who', '')",
    ],
)
def test_who_goes_through_all_variables_needs_all(code: str) -> None:
    assert needs_of(ast.parse(code)).everything


@pytest.mark.parametrize(
    "code",
    [
        "globals()['x']",
        "globals().get('x')",
        "'x' in globals()",
        "def f():\n    return locals()",
        "_mlops.publish(globals(), last=True)",
        "get_ipython().run_line_magic('time', '')",
    ],
)
def test_who_asks_for_one_or_for_none_does_not(code: str) -> None:
    assert not needs_of(ast.parse(code)).everything


def test_names_that_python_looks_up_behind_the_namespace_s_back() -> None:
    code = "del a\nclass B(c):\n    d = e\n    def f(self):\n        return g\ntry:\n    pass\nexcept X as error:\n    pass"
    assert needs_of(ast.parse(code)).names == {"a", "c", "e", "error"}


def test_a_function_s_class_bodies_read_globals() -> None:
    namespace: dict[str, object] = {}
    exec("def f():\n    class B:\n        x = limit\n    return other", namespace)  # noqa: S102 - a function is needed
    names = class_names(namespace["f"].__code__)  # type: ignore[attr-defined]
    assert "limit" in names
    assert "other" not in names


def test_dotted_names() -> None:
    assert needs_of(ast.parse("a.b.c(d.e)\nf().g\nh.i = 1")).paths >= {
        ("a", "b", "c"),
        ("d", "e"),
        ("h", "i"),
    }
    assert not any("g" in path for path in needs_of(ast.parse("f().g")).paths)
