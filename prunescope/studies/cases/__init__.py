"""The three case studies of the three-regime model: advise, select and tune; and calibrate, which fits its rule.

Source: Zhou, Yang, Chang, Mahoney, "A Three-regime Model of Network Pruning", ICML 2023, section 5.
"""
