"""What people may ask of a running engine: a command is filed in the journal, and its answer is awaited there.

Nothing here prints or asks back: the command line does, and a web page would do it in its own way.
"""
