"""Access requests (art. 15 GDPR) at the partner: asking the matching environment, and the letter to the person."""
