"""What must be provable later: the journal, the audit trail and the quarantine."""
