"""The other shell around the core: the past, as fast as it goes, with nothing kept but the results."""
