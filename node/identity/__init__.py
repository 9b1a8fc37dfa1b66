"""Who a node is: its key, its certificate, the authority that it trusts, and TLS between nodes.

One port and mutual TLS for everything, joining included: an invitation carries a certificate of its own, good for
asking to be enrolled and for nothing else. A private key never leaves its machine and never lies in the database.
"""
