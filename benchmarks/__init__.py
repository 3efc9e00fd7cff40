"""Benchmarks: whole audits, measured from outside, with where the time goes."""
