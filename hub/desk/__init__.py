"""The case desk of a hub: from the rows that it holds to links between records, cases and decisions.

What it keeps in tables of its own (keys, links) is derived from the rows: dropped, it is made anew and is the same.
"""
