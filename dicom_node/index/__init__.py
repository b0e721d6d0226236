"""The header index in DuckDB: parsing, character sets, geometry, the one writer."""
