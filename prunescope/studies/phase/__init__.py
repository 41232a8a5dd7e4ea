"""Phase diagrams: regimes over temperature x density, their boundaries, and what each way to choose would have cost.

diagram = from_study.read_study(grid, session)      # or from_table.read_table(path)
findings = find_phases(diagram, rule)
"""
