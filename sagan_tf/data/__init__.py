"""Data sets: sources behind one contract, transforms, and the pipeline that batches them."""
