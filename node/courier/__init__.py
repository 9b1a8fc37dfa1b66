"""Files that are carried by hand where there is no link: what a child would send, and what its parent would answer.

``envelope`` seals and opens, ``frames`` and ``wire`` are the form of what is inside, ``packing`` writes files of any
direction, ``parcel`` reads them; ``cargo`` is what a child gives, ``delivery`` what it takes. What a parent does stands
in ``hub.courier``. A stick proves nothing and promises nothing: only the parent's receipt moves what is acknowledged.
"""
