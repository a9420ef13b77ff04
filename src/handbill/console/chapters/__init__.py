"""The report's chapters: each reads its figures from the tables into one frozen record."""
