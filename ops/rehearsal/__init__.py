"""Rehearsal: a whole tree from a bundle, with links that go up and down by a seed, until everything is at the top.

The law: for every seed of the links, residents.csv, cases.csv and the digests of replicas.csv are equal (FORMAT).
"""
