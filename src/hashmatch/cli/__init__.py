"""The command line: parse, resolve, call the library, render.

``main`` knows the name of each command. When one is called, it imports the module of that name,
which declares the options, calls the library and writes the results. ``--help`` needs no NumPy:
what does is ``deferred`` until the command runs, or in a second module such as ``run_scan``.
Options that several commands share are in ``options`` and ``list_options``; what scan, rematch and
serve share is in ``results`` and ``custody``.

``files`` refuses to overwrite what a command reads. ``streams`` owns stdout and stderr, where every
name is made printable. Each command returns its exit code; ``main`` turns errors of the library
into a message and a code, and a signal ends a command as Ctrl-C does. Everything runs on the main
thread; workers decode.
"""
