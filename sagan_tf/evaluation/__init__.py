"""How good the images are: features, moments, metrics, and the protocol that every number carries."""
