"""What a person has set for himself, as documents of a known shape."""
