"""Object storage: S3 and what speaks its protocol, and others through plug-ins.

A ``Store`` lists a bucket and reads its objects: ``s3.py`` is the one for S3, and ``plugged.py``
the one for what fsspec reaches. ``BucketSource`` makes a source of it, and ``NamedObjects`` one of
a manifest or an inventory. The command line gets both through ``OpenStores``, from paths such as
``s3://bucket/prefix``.

Bodies never touch a disk: the threads of a ``Fetcher`` read many objects at once, within a bound on
bytes, into files in memory, whose descriptors the scan passes on like those of local files. A read
names the version that was listed, and the answer is compared with it.

What fails is tried again, with growing pauses, and then is a ``DecodeError`` with the reason
``vanished``, ``changed``, ``permission`` or ``unavailable``. A bucket that is not there, or lets
nobody in, is an ``InputError`` before the scan begins.
"""

from hashmatch.sources.objects.bucket import BucketSource, NamedObjects
from hashmatch.sources.objects.inventory import columns_of, read_inventory
from hashmatch.sources.objects.open_stores import OpenStores
from hashmatch.sources.objects.s3_connection import S3Options

__all__ = [
    "BucketSource",
    "NamedObjects",
    "OpenStores",
    "S3Options",
    "columns_of",
    "read_inventory",
]
