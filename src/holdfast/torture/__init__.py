"""The proof: what can go wrong, made to go wrong, and the books counted afterwards."""
