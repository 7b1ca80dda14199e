"""What the flow pages read: one line per request derived from the events, and the questions asked of all of them."""
