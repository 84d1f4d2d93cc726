"""The audit trail: who scanned what, with which lists, and what was found.

``AuditLog`` writes the records of a run to a journal: its start with all settings, each file that
is not clear, and its end. It holds no hash and no digest of a file. ``verify`` checks every record
and the chain of digests, and tells tampering from what a crash may leave.
"""

from hashmatch.custody.audit.log import AuditLog
from hashmatch.custody.audit.verify import Verification, verify

__all__ = ["AuditLog", "Verification", "verify"]
