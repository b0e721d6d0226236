"""The statistics mart: DuckDB tables made from the two feeds, and the figures counted from them."""
