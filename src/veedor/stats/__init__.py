"""Statistics: arrays in, frozen dataclasses out; nothing of elections."""
