"""What the controllers agreed on and who may say so: trust root, approvals, justifications, and the gates.

The gates are rules that every party can run. No file of a site or of a partner's home is known here.
"""
