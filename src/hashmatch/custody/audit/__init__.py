"""The audit trail: who scanned what, with which lists, and what came of it, each record chained."""

from hashmatch.custody.audit.log import AuditLog
from hashmatch.custody.audit.verify import Verification, verify

__all__ = ["AuditLog", "Verification", "verify"]
