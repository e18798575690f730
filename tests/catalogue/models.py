"""Models of the catalogue the tests work on."""
