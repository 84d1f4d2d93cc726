"""Turn untrusted bytes into hashes. Nothing in this package knows a list, an index or a matcher.

``examination`` is the way in: a file goes in, and an ``Examination`` comes out for the file and for
each file inside it. ``reading`` and ``inputs`` read the bytes, ``decode`` turns them into pictures
and views, and ``picture_hashes`` hashes those. ``container`` opens what holds other files, with the
readers in ``archive`` and ``document``. ``kinds`` says what a file is that holds no picture.

``sandbox`` runs all of this in worker processes without rights; only a ``PIL.Image``,
``isolate=False`` and systems without such processes have it run in the caller's own. What cannot be
examined carries a ``Reason``: nothing here raises because of what is in a file.
"""
