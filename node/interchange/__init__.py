"""The interchange bundle of FORMAT, version 1: reading what existing software hands over, writing what leaves.

``values`` are the rows, ``table`` one CSV file, ``bundle`` the folder, ``topology`` its tree, ``writing`` the files
that leave.
"""
