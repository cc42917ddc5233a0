"""What any process needs, whatever it does."""
