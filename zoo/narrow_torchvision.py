"""Two large transformers of Torchvision with fewer and narrower blocks of the same kinds, for the smallest images."""

from __future__ import annotations

from torchvision.models import MaxVit, VisionTransformer


def vit_b_16(
    *, num_classes: int = 5, side: int = 32, num_layers: int = 2, num_heads: int = 2, hidden_dim: int = 64
) -> VisionTransformer:
    """Return a vision transformer of patches of 16 pixels: `vit_b_16` has 12 layers of width 768, 86 M parameters."""
    return VisionTransformer(
        side, 16, num_layers, num_heads, hidden_dim, mlp_dim=4 * hidden_dim, num_classes=num_classes
    )


def maxvit_t(
    *, num_classes: int = 5, side: int = 64, stem_channels: int = 16, partition_size: int = 2, head_dim: int = 8
) -> MaxVit:
    """Return a MaxViT of two blocks: `maxvit_t` has four, of 10 layers, partitions of 7 and 31 M parameters."""
    return MaxVit(
        (side, side),
        stem_channels,
        partition_size,
        block_channels=[16, 32],
        block_layers=[1, 1],
        head_dim=head_dim,
        stochastic_depth_prob=0.1,
        num_classes=num_classes,
    )
