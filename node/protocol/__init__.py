"""The session between a child and its parent as two pure state machines: messages in, actions out, no input or output.

``messages`` are the values that travel, ``child`` and ``parent`` the machines, ``transitions`` their states as a table,
``assembly`` puts cut batches together again. The shells in ``node.session`` and ``hub.session`` perform the actions, in
order.
"""
