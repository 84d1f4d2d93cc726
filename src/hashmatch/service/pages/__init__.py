"""The review page: where people decide about cases, one at a time.

``ReviewPages`` answers the requests under ``/review``, beside the HTTP door or at an address of its
own. ``visits`` finds out who asks: a session begun with a key, or the name that a trusted proxy
sends; every form repeats the session's token. What reviewers do goes to the case store, which
chains it in the audit trail. ``render`` makes the pages: Jinja2 escapes every value, and a strict
Content-Security-Policy lets nothing else run or load.

No picture is on a page until its reviewer asks for one. Then ``evidence`` opens the stored or held
file, a sandboxed worker makes a thumbnail of it, the viewing is recorded, and the thumbnail goes
out within the page, which must not be cached. If it cannot be shown, the page says why. Handlers
run in threads.
"""

from hashmatch.service.pages.evidence import Evidence
from hashmatch.service.pages.review import ReviewPages, ReviewRules

__all__ = ["Evidence", "ReviewPages", "ReviewRules"]
