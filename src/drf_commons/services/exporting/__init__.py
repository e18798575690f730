"""Rows into files: CSV, XLSX and PDF, as a stream."""
