"""Whether digits of two sheets look like one hand: features, a score, and what it is worth."""
