"""Benchmarks: contenders take turns in one run, and floors guard how they compare."""
