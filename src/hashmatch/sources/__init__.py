"""Where files come from: what hands them over, and what tells whether one has changed."""
