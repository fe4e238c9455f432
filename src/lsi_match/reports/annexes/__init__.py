"""What an organisation hands to a register or adds to an assessment: made from what was signed and what the log says."""
