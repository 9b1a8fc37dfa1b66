"""The command line ``dansync``: thin commands around what the other packages do."""
