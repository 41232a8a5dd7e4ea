"""Values of options as a person types them in a command."""

from __future__ import annotations

import json


def type_model_option(value: object) -> str:
    """Return an option of a network as `--model-option` takes it: JSON, and a word as it is.

    >>> [type_model_option(value) for value in ([1, 2.0], [1], [[1, 2], [3]], ["a", "b"])]
    ['1,2.0', '[1]', '[[1, 2], [3]]', '["a", "b"]']
    >>> [type_model_option(value) for value in (None, False, "swish", "none", "1")]
    ['null', 'false', 'swish', 'none', '"1"']
    """
    if isinstance(value, str) and "," not in value:
        try:
            json.loads(value)
        except ValueError:
            return value
    if isinstance(value, list | tuple) and len(value) > 1 and all(isinstance(item, int | float) for item in value):
        return ",".join(map(json.dumps, value))
    return json.dumps(value)


def type_value(value: object) -> str:
    """Return an option of a plugin as the command line takes it.

    >>> type_value(None), type_value(True), type_value((0.5, 0.75)), type_value(1e-4), type_value("cosine")
    ('none', 'true', '0.5,0.75', '0.0001', 'cosine')
    """
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return ",".join(type_value(item) for item in value)
    if isinstance(value, float):
        return f"{value:g}" if float(f"{value:g}") == value else repr(value)
    return str(value)
