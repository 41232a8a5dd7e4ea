"""`prunescope-compact`: a pruned checkpoint as a smaller network."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from prunescope.api.errors import PrunescopeError, UsageError
from prunescope.api.trust import Trust

SUFFIXES = (".safetensors", ".pt2")


def main() -> int:
    """Write a compact network and say how much smaller and faster it is."""
    parser = argparse.ArgumentParser(prog="prunescope-compact", description=main.__doc__)
    parser.add_argument("checkpoint", help="what `prunescope prune channels --output` or `retrain --output` wrote")
    parser.add_argument("output", type=Path, help="the file to write: .safetensors or .pt2 (torch.export)")
    parser.add_argument("--batch", type=int, default=64, metavar="N", help="images per pass when timing (64)")
    parser.add_argument("--repeats", type=int, default=30, metavar="N", help="timed passes (30)")
    parser.add_argument("--trust", action="append", default=[], metavar="NAME", help="code the file may name")
    given = parser.parse_args()
    try:
        trust = Trust(frozenset(given.trust))
        _write(given.checkpoint, given.output, trust=trust, batch=given.batch, repeats=given.repeats)
    except PrunescopeError as error:
        print(f"error: {error.message}\nfix: {error.fix}", file=sys.stderr)  # noqa: T201 - it is a program
        return error.exit_code
    return 0


def _write(checkpoint: str, output: Path, *, trust: Trust, batch: int, repeats: int) -> None:
    import torch

    from prunescope.landscape.latency import latency
    from prunescope.networks.checkpoints import load_checkpoint, to_model
    from prunescope_structured import compact, files

    if output.suffix not in SUFFIXES:
        raise UsageError(f"{output} has the suffix {output.suffix!r}", fix=f"end it in {' or '.join(SUFFIXES)}")
    found = load_checkpoint(checkpoint, trust=trust)
    if found.mask is None:
        raise UsageError(f"{checkpoint} has no mask", fix="prune it first: prunescope prune channels")
    model = to_model(found).eval().to(memory_format=torch.channels_last)
    made, removed = compact.compact(model, found.mask, files.example(found.spec))
    if output.suffix == ".pt2":
        files.export(output, made, found.spec)
    else:
        files.save(output, made, found.spec, removed)
    images = torch.zeros(batch, found.spec.in_chans, *found.spec.image_size).contiguous(
        memory_format=torch.channels_last
    )
    before, after = (latency(one, images, repeats=repeats).median for one in (model, made))
    sizes = [sum(parameter.numel() for parameter in one.parameters()) for one in (model, made)]
    told = (
        f"{sizes[0]:,} -> {sizes[1]:,} parameters, {sum(map(len, removed.values()))} channels removed; "
        f"{1000 * before:.2f} -> {1000 * after:.2f} ms for {batch} images here: {before / after:.2f} times as fast"
    )
    print(told, file=sys.stderr)  # noqa: T201 - it is a program
    print(output)  # noqa: T201 - the same
