"""Scans of tally sheets: taken in, laid on their template, read, and compared with each other."""
