"""Run the steps of prunescope's studies on a Ray cluster: `prunescope sweep STUDY --executor ray`."""

from __future__ import annotations

from prunescope_ray.executor import Ray

__all__ = ["Ray"]
