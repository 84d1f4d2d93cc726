"""Read the files inside HTML and SVG: data URIs.

Source: RFC 2397.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from typing import BinaryIO
from urllib.parse import unquote_to_bytes

from hashmatch.examine.archive.budget import Budget
from hashmatch.examine.archive.entries import ArchiveEntry
from hashmatch.examine.document.contents import content_entry, read_base64, read_whole
from hashmatch.examine.document.sniffing import as_ascii

# Base64 of any type, however long, since browsers show a picture whatever its type says; plain text
# only if its type says that it is a picture. No picture has under 12 bytes
_URI = re.compile(
    rb";\s*base64\s*,(?P<base64>[A-Za-z0-9+/=%\s]{16,})"
    rb"|data:image/[^,\"'<>\s]{1,200}(?<!;base64),(?P<plain><[^\"]*|[^\"'\s)>]*)",
    re.IGNORECASE,
)
_LONG = re.compile(rb"&#(?=\d{9})0*(\d{1,8})\d*")  # references by number, which Python limits
_IGNORED = re.compile(rb"[\t\r\n]+")  # by browsers, wherever a URI has them


def uri_entries(file: BinaryIO, size: int, budget: Budget) -> Iterator[ArchiveEntry]:
    """Yield the content of the data URIs in a page or drawing, in their order.

    Raises:
        DecodeError: the text is too large.
    """
    text = _IGNORED.sub(b"", as_ascii(read_whole(file, size, budget)))
    if b"&" in text:  # any character may be written as a reference, such as &#58;
        text = _LONG.sub(rb"&#\1", text)
        text = unescape(text.decode("latin-1")).encode("latin-1", "replace")
    for number, found in enumerate(_URI.finditer(text), 1):
        name = b"data-%d" % number
        if found["base64"] is None:
            yield content_entry(name, unquote_to_bytes(found["plain"]), budget)
        else:
            data, problem = read_base64(unquote_to_bytes(found["base64"]))
            yield content_entry(name, data, budget, problem)
