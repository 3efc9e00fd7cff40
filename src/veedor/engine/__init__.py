"""Where tables live: the engine, the canonical tables made in it, and the portable verbs."""
