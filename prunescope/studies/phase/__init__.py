"""Phase diagrams: regimes over temperature x density, their boundaries, and what each way to choose would have cost.

diagram = from_study.read(grid, store)      # or from_table.read(path)
findings = findings.find(diagram, rule)
"""
