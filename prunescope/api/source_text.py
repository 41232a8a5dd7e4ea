"""The source of a person's functions and classes as text, by which two versions of one name are told apart."""

from __future__ import annotations

import ast
import inspect
import textwrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType

KNOWN = ("prunescope.", "timm.", "torch.", "torchvision.")
"""Packages whose classes are known by their name."""


def class_text(cls: type) -> str:
    """Return the name of a class and the source of its functions, inherited ones too.

    A notebook's classes have no source of their own, its functions have; those of a prompt have their compiled code.
    """
    named = f"{cls.__module__}.{cls.__qualname__}"
    if named.startswith(KNOWN):
        return named
    functions = [value for base in inspect.getmro(cls) for value in vars(base).values() if _is_own(value)]
    return "\n".join([named, *map(function_text, functions)])


def function_text(function: Callable[..., object]) -> str:
    """Return the source of a function or class without comments and layout; its compiled code where it has none."""
    try:
        source = inspect.getsource(function)
    except (OSError, TypeError):
        code = getattr(function, "__code__", None)
        return _compiled(code) if inspect.iscode(code) else repr(type(function))
    try:
        return ast.unparse(ast.parse(textwrap.dedent(source)))
    except SyntaxError:  # a lambda within a longer statement
        return source


def _is_own(value: object) -> bool:
    """Whether something in a class is a function that no known package has written."""
    return inspect.isfunction(value) and not value.__module__.startswith(KNOWN)


def _compiled(code: CodeType) -> str:
    inner = [_compiled(one) if inspect.iscode(one) else repr(one) for one in code.co_consts]
    return f"{code.co_name} {code.co_code.hex()} {code.co_names} {code.co_varnames} {inner}"
