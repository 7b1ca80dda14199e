"""Formats with types of their own (Parquet, ORC, Arrow, Avro, Excel): one route into staged Parquet."""
