"""What people touch: the command line, metrics, the synthetic province, rehearsal and the demo."""
