"""A plugin's dataclass fields <-> typed options: command-line flags, TOML keys, recipe JSON."""

from __future__ import annotations

import dataclasses
import math
import types
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, cast, get_args, get_origin, get_type_hints

from prunescope.api import Option
from prunescope.api.errors import PluginError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Json = bool | int | float | str | list["Json"] | None

SCALARS = (bool, int, float, str)


@dataclass(frozen=True, kw_only=True)
class OptionField:
    """One option of a plugin: its type taken apart, its default, its help and bounds."""

    name: str
    kind: type
    """bool, int, float or str; of the items, when `many`."""
    many: bool
    optional: bool
    choices: tuple[str, ...]
    default: object
    """dataclasses.MISSING where the option is required."""
    option: Option

    @property
    def required(self) -> bool:
        """Whether the option has no default."""
        return self.default is dataclasses.MISSING

    @property
    def flag(self) -> str:
        """The command-line spelling."""
        return "--" + self.name.replace("_", "-")


def fields(plugin: type) -> tuple[OptionField, ...]:
    """Return the options of a plugin class in the order of its fields.

    Raises PluginError for a class that is not a dataclass, or a field whose type no flag can carry.
    """
    return _fields(cast("Any", plugin))


@lru_cache(maxsize=256)
def _fields(plugin: type) -> tuple[OptionField, ...]:
    """Take the annotations apart once per class: a study of thousands of steps asks for them at each."""
    if not dataclasses.is_dataclass(plugin):
        raise PluginError(
            f"{plugin.__module__}:{plugin.__qualname__} is not a dataclass",
            fix="decorate it with @dataclass(frozen=True, kw_only=True)",
        )
    hints = get_type_hints(plugin, include_extras=True)
    return tuple(_describe(plugin, field, hints[field.name]) for field in dataclasses.fields(plugin) if field.init)


def build_plugin(plugin: type, values: Mapping[str, object]) -> Any:  # noqa: ANN401 - an instance of `plugin`
    """Return `plugin(**values)` after converting and checking every value.

    Strings are parsed ("0.1" for a float, "a,b" for a tuple), so flags, TOML and JSON all come through here.
    Raises UsageError for an unknown name, a missing one, a wrong type or a value out of bounds.
    """
    known = {field.name: field for field in fields(plugin)}
    unknown = sorted(set(values) - set(known))
    if unknown:
        raise UsageError(
            f"{plugin.__name__} has no option {unknown[0]!r}",
            fix=f"{_nearest(unknown[0], known)}its options are: {', '.join(sorted(known)) or '(none)'}",
        )
    missing = [field.flag for field in known.values() if field.required and field.name not in values]
    if missing:
        raise UsageError(f"{plugin.__name__} requires {missing[0]}", fix=f"give it: {missing[0]} VALUE")
    return plugin(**{name: convert(known[name], value) for name, value in values.items()})


def _nearest(name: str, known: Iterable[str]) -> str:
    near = get_close_matches(name, known, n=1)
    return f"did you mean {near[0]!r}? " if near else ""


def convert(field: OptionField, value: object) -> object:
    """Return `value` as the field's type, or raise UsageError saying what was got and what was wanted."""
    if value is None or (field.optional and value == "none"):
        if field.optional:
            return None
        raise UsageError(f"{field.flag} cannot be empty", fix=f"it requires {wanted(field)}")
    if field.many:
        items = value.split(",") if isinstance(value, str) else value
        if not isinstance(items, list | tuple):
            raise _refused(field, value)
        return tuple(_scalar(field, item) for item in items if item != "")
    return _scalar(field, value)


def wanted(field: OptionField) -> str:
    """Say in words what values a field takes.

    >>> wanted(OptionField(name="rho", kind=float, many=False, optional=False, choices=(), default=0.05,
    ...                    option=Option("radius", minimum=0)))
    'a number, at least 0'
    """
    if field.choices:
        what = " or ".join(field.choices)
    else:
        what = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}[field.kind]
    bounds = [
        f"{word} {bound:g}"
        for word, bound in (("at least", field.option.minimum), ("at most", field.option.maximum))
        if bound is not None
    ]
    return ", ".join([f"comma-separated: {what}" if field.many else what, *bounds])


def non_default(instance: object) -> dict[str, Json]:
    """Return the options that differ from their defaults, as JSON values, sorted by name.

    Only these enter a run's id: adding an option with a no-op default keeps the ids of old runs.
    """
    given = [field.name for field in fields(type(instance)) if not _is_default(field, instance)]
    return {name: _to_json(getattr(instance, name)) for name in sorted(given)}


def named_code(instance: object) -> tuple[str, ...]:
    """Return the texts among the options that name code."""
    found = ((field.option.code, getattr(instance, field.name)) for field in fields(type(instance)))
    texts = [
        (names, text)
        for names, value in found
        if names is not None
        for text in (value if isinstance(value, tuple | list) else (value,))
    ]
    return tuple(text for names, text in texts if isinstance(text, str) and names(text))


def all_options(instance: object) -> dict[str, Json]:
    """Return every option, defaults included, as JSON values."""
    return {field.name: _to_json(getattr(instance, field.name)) for field in fields(type(instance))}


def _describe(plugin: type, field: dataclasses.Field[Any], hint: object) -> OptionField:
    option = Option("")
    if get_origin(hint) is Annotated:
        hint, *extras = get_args(hint)
        option = next((extra for extra in extras if isinstance(extra, Option)), option)
    optional = False
    if get_origin(hint) in (Union, types.UnionType):
        inner = [arg for arg in get_args(hint) if arg is not types.NoneType]
        optional = len(inner) < len(get_args(hint))
        hint = inner[0] if len(inner) == 1 else hint
    many = get_origin(hint) is tuple
    if many:
        hint = get_args(hint)[0]
    choices: tuple[str, ...] = ()
    if get_origin(hint) is Literal:
        choices, hint = get_args(hint), str
    if hint not in SCALARS:
        raise PluginError(
            f"option {field.name!r} of {plugin.__module__}:{plugin.__qualname__} has the type {hint!r}",
            fix="use bool, int, float, str, Literal[...], tuple[T, ...] of these, or one of them | None",
        )
    default = field.default if field.default_factory is dataclasses.MISSING else field.default_factory()
    return OptionField(
        name=field.name,
        kind=hint,
        many=many,
        optional=optional,
        choices=choices,
        default=default,
        option=option,
    )


def _scalar(field: OptionField, value: object) -> object:
    if field.kind is bool:
        return _boolean(field, value)
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise _refused(field, value)
    try:
        parsed = field.kind(value)
    except (ValueError, OverflowError) as error:  # no number, or one of hundreds of digits
        raise _refused(field, value) from error
    whole = field.kind is not int or isinstance(value, str | int) or value.is_integer()
    if (isinstance(parsed, float) and math.isnan(parsed)) or not whole or not _within(field, parsed):
        raise _refused(field, value)
    if field.kind is str and not isinstance(value, str):
        raise _refused(field, value)
    return parsed


def _boolean(field: OptionField, value: object) -> bool:
    words = {"true": True, "false": False, "1": True, "0": False, "yes": True, "no": False}
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in words:
        return words[value.lower()]
    raise _refused(field, value)


def _within(field: OptionField, value: Any) -> bool:  # noqa: ANN401 - a scalar of the field's kind
    if field.choices:
        return value in field.choices
    low, high = field.option.minimum, field.option.maximum
    return not ((low is not None and value < low) or (high is not None and value > high))


def _refused(field: OptionField, value: object) -> UsageError:
    return UsageError(f"{field.flag} got {value!r}", fix=f"it requires {wanted(field)}")


def _is_default(field: OptionField, instance: object) -> bool:
    value = getattr(instance, field.name)
    return not field.required and _to_json(value) == _to_json(field.default)


def _to_json(value: object) -> Json:
    return [_to_json(item) for item in value] if isinstance(value, tuple | list) else value  # type: ignore[return-value]
