"""Evidence that must hold later: the journal, the audit trail and the quarantine.

``journal`` is an append-only file of JSON records, each with the digest of the one before it. The
other two are built on it. ``audit`` records who scanned what, with which lists, and what was found;
``quarantine`` moves matched files out of reach and can restore them, and its manifest is a
journal too. Both have a ``verify`` that changes nothing.

``hashmatch scan`` and ``hashmatch quarantine`` call this in their own process and thread; a lock
keeps other writers out. What is recorded outlasts a killed process, and the important records also
a power cut. What fails: a full disk, a second writer or a damaged file is an ``OutputError``; one
file that cannot be moved or restored is a ``QuarantineError``, and the next one can still be.
"""
