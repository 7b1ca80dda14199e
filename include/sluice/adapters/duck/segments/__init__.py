"""Large text files converted as they stream by, within the space that scratch has."""
