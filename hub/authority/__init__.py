"""The authority of a tree: who takes part, who holds which origin, decided at the root (DESIGN 1, 2).

Every act is one commit of the reference origin, with its author: the log is the audit. The rows flow down to every node
and climb from there no further.
"""

from hub.authority.authority import Answer, Authority
from hub.authority.founding import found

__all__ = ["Answer", "Authority", "found"]
