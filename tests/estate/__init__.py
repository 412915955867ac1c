"""A pretend estate: one Kubernetes API server and one GitHub, with a clock and faults (see README.md)."""
