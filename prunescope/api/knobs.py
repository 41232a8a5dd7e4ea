"""Temperature-like knobs of dense training, and which way each gets hotter (Zhou et al. 2023, section 2)."""

from __future__ import annotations

HOTTER: dict[str, int] = {"epochs": -1, "batch_size": -1, "learning_rate": +1, "weight_decay": +1, "rho": +1}
"""Option name of a trainer -> +1 where a larger value is hotter, -1 where a smaller one is."""
