"""The web process: an API and a page over the journal, in a process of its own (docs/web.md).

It reads through `views` and asks through `control`, as the command line does, so it can be dead, slow or crowded and no engine notices.
"""
