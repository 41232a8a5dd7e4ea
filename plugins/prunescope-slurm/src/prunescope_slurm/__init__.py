"""Run the steps of prunescope's studies by Slurm: `prunescope sweep STUDY --executor slurm`."""

from __future__ import annotations

from prunescope_slurm.executor import Slurm

__all__ = ["Slurm"]
