"""What a parent adds to a node: the server, the group-commit applier, relay, and views over its children's copies."""
