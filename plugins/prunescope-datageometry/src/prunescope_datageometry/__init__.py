"""Probes of data alone for prunescope: intrinsic dimension and dispersion."""
