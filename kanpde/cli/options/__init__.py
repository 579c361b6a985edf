"""The options of each command as frozen values; nothing heavy is imported here."""
