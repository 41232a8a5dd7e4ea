"""Pruning masks of ResNet-50 by global magnitude, against torch.nn.utils.prune."""

from __future__ import annotations

import timm
import torch
from harness import compare, headline, one_thread, report
from page import Row
from torch.nn.utils import prune

from prunescope.networks import masks, models
from prunescope.runs.scheduling.memory import keep_freed

DENSITIES = (0.1, 0.02)
ROUNDS = 2


def rows() -> list[Row]:
    """Check that both keep the same weights, then time them."""
    model = timm.create_model("resnet50", pretrained=False)
    weights = models.prunable(model)
    modules = [model.get_submodule(name.removesuffix(".weight")) for name in weights]
    total = sum(weight.numel() for weight in weights.values())
    found = []
    for density in DENSITIES:

        def theirs(density: float = density) -> list[torch.Tensor]:
            amount = total - round(density * total)
            prune.global_unstructured(
                [(module, "weight") for module in modules], pruning_method=prune.L1Unstructured, amount=amount
            )
            kept = [module.weight_mask for module in modules]
            for module in modules:  # the weights come back for the next round; it takes no time beside the masks
                original = module.weight_orig.data
                prune.remove(module, "weight")
                module.weight.data = original
            return kept

        def ours(density: float = density) -> masks.Mask:
            return masks.keep_largest({n: w.detach().abs() for n, w in weights.items()}, density, scope="global")

        scores = [weight.detach().abs() for weight in weights.values()]
        agree(theirs(), ours(), scores, expected=round(density * total))
        variants = {"torch.nn.utils.prune": theirs, "prunescope": ours}
        found += compare(f"pruning masks, ResNet-50, density {density:g}", variants, operations=0.0, rounds=ROUNDS)
    return found


def agree(theirs: list[torch.Tensor], ours: masks.Mask, scores: list[torch.Tensor], *, expected: int) -> None:
    """Stop unless both keep as many as asked, and the same but for weights that tie: torch takes any of those."""
    pairs = list(zip(theirs, ours.kept.values(), scores, strict=True))
    values = torch.cat([score[kept.bool() != mine] for kept, mine, score in pairs])
    count = sum(int(kept.sum()) for kept in theirs)
    if ours.n_kept != expected or count != expected or len(values.unique()) > 1:
        raise SystemExit(f"kept {ours.n_kept} and {count} of {expected}; {len(values)} differ: {values.unique()}")


def main() -> None:
    """Print the table and write it into the docs."""
    one_thread()
    keep_freed()  # as the program does
    torch.manual_seed(0)
    found = [Row(workload=r.workload, comparison=r.comparison, ratios=r.ratios, share=None) for r in rows()]
    heads = [headline(row, least=2, aim=5) for row in found]
    report("Pruning masks", found, headlines=heads)


if __name__ == "__main__":
    main()
