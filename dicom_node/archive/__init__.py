"""Files named by their content, and the journal that says what was received from whom."""
