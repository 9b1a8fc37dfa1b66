"""How well records are linked: on synthetic provinces with their truth, and on FEBRL4 beside splink."""
