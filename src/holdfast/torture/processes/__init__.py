"""The proof with real processes: engines that are killed, a broker and databases that fail, and the books counted in the end."""
