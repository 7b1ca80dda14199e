"""The value stream at work: one module per stage, each a function from what is known to what was found."""
