"""Models of the archive the tests work on."""
