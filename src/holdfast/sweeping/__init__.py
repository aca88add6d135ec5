"""Many runs of one strategy with other parameters, and what their best is worth (docs/sweeps.md)."""
