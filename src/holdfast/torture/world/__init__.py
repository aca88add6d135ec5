"""A whole world in one thread and virtual time: the real engine among a disk, a network, a broker and a market that fail."""
