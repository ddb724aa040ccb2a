"""Data sets: sources with a common interface, transforms, and the pipeline that batches them."""
