"""What people may see, as values: the command line prints them, a web page and a watchdog use the same.

Everything is read from the journal, so an engine is never asked and never disturbed. A view is a frozen struct; its fields say
their unit, and `encode.as_json` makes the JSON of ``--json`` from it. Nothing here prints.
"""
