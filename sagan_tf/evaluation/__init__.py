"""Evaluation of images: features, moments, metrics, and the protocol that is stored with every number."""
