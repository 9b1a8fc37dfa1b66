"""What a node sees of its subtree: residents, cases, register balance and replicas, as typed rows in the order of
results.
"""
