"""The command line: parse, resolve, call the library, render.

``main`` knows the name of each command. Once one is called, it imports the module of that name,
which declares its options, calls the library and writes what comes of it. Only ``scan`` has two
modules, so that its pool starts while NumPy loads. Options that several commands share are in
``options`` and ``list_options``; what scan and rematch share is in ``results`` and ``custody``.

``files`` refuses to overwrite what a command reads. ``streams`` owns stdout and stderr, where every
name is made printable. Each command returns its exit code; errors of the library become a message
and a code in ``main``, and a signal ends a command as Ctrl-C does. Everything runs on the main
thread; workers decode.
"""
