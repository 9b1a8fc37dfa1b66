"""Measurements against the limit: what raw SQLite does with the same rows in the same run. Figures are ratios, because
machines differ.
"""
