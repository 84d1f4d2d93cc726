"""Read the pictures and files inside documents: PDF, e-mail, HTML, SVG, and appended files.

The examination treats a document like an archive. ``container`` recognises one by its first bytes
(``sniffing``) and calls its reader: ``pdf``, ``mail`` or ``markup``. ``appended`` finds files after
the end of a picture. Each reader takes an open file and a budget, and yields entries like the
readers in ``archive``, so the same limits on members, bytes and depth apply.

All of this runs in a sandboxed worker and touches no disk. An entry that cannot be read carries its
problem; a document that cannot be read any further raises ``DecodeError``. ``examine.extras`` loads
the libraries when the first file needs them.
"""
