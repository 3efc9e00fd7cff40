"""What parties, officials, vendors and auditors stated."""
