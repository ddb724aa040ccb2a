"""Runs, from their description to their directory, and the code that several verbs share."""
