"""Places of data that name a command, an address or a program: kept for this user, never in a file that travels.

They are noted in the user's state directory, like the code that the user allowed. A place found there is tried as any
other: what it names runs only where the person typed or allowed it for the study at hand.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from typing import TYPE_CHECKING

from prunescope.api.errors import InputError
from prunescope.api.regular import read_regular_text
from prunescope.api.state import state_folder, write_state
from prunescope.data import places
from prunescope.plugins import options, registry

if TYPE_CHECKING:
    from pathlib import Path

    from prunescope.data.places import Place
    from prunescope.data.spec import Source


def is_private(source: Source, place: Place) -> bool:
    """Whether an option of a place names code, a command or an address."""
    fields = options.fields(registry.get("datasets", source.name).load())
    return any(one.option.code and one.option.code(str(place[one.name])) for one in fields if one.name in place)


def find_private_places(source: Source) -> tuple[Place, ...]:
    """Return the places noted for the content of a source, the last one first; a damaged note says nothing."""
    with suppress(OSError, ValueError, TypeError, RecursionError, InputError):
        noted = json.loads(read_regular_text(_file(source)))
        known = [places.place_options(source.name, one) for one in noted if isinstance(one, dict)]
        return tuple(place for place in known[: places.MOST_PLACES] if place)
    return ()


def keep_private_place(source: Source, place: Place) -> None:
    """Note a place of the content of a source, where it names code and the folder can be written."""
    if is_private(source, place):
        others = [dict(known) for known in find_private_places(source) if known != place]
        write_state(_file(source), json.dumps([dict(place), *others][: places.MOST_PLACES]))


def _file(source: Source) -> Path:
    name = hashlib.sha256(places.key_of(source).encode("utf-8", "surrogatepass")).hexdigest()
    return state_folder() / "places" / f"{name}.json"
