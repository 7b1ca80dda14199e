"""JSON lines and arrays: cut, proven and staged."""
