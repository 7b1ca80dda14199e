"""Compressed files, archives and Hive partitions made plain files and columns."""
