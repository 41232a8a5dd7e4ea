"""Pruners compared on one network and data set, as ShrinkBench asks: several seeds and densities, with controls.

Source: Blalock et al. 2020, section 6 and appendix B.
"""
