"""Weight spectra for prunescope: power-law exponents, and layer budgets that follow from them."""
