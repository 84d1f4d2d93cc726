"""Answer other software about uploads: one verdict for each, whatever door the upload came by.

``serve`` runs in one process with the lists and an asyncio loop. A door (``http``, ``clamd``,
``icap``) speaks a protocol and knows nothing of lists. It hands the bytes of an upload, as they
arrive, to the ``VerdictCore``, which bounds what it takes in, keeps it in memory, has a ``Matcher``
examine it in worker processes, and returns a ``Ruling``. ``policy`` says what a client should do
about it, and ``profiles`` how a door tells that to each known client. ``hold`` writes what matched
into a quarantine before it is answered, and ``shapes`` answers clients of other services.

An upload that cannot be examined raises ``UnansweredError`` with a reason: too many uploads at a
time, a list that is too old, workers that died, or no time left. A door passes this on as a failure
of the service and never as a clear upload. Where it forgets to, the protocol's general error says
the same. The lists are reloaded on SIGHUP, or when their files change. The old ones stay in force
while the new ones load, and if those cannot be used.
"""
