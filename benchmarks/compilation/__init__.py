"""The parts of benchmarks/compile_for.py: targets, the compilers' environments, lowering, compiling, reports."""
