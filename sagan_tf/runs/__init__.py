"""A run, from its description to its directory, and what verbs do with it: the parts that several verbs share."""
