"""What benchmarks/compile_for.py consists of: targets, the compilers' environments, lowering, compiling, reports."""
