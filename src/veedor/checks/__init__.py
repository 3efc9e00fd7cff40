"""The checks: one question of an audit each, one file each, found by walking this folder."""
