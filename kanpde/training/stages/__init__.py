"""The stages of a plan; a new one is a file here."""
