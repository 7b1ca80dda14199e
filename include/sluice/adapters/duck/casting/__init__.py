"""What text is a value of a column, and why not."""
