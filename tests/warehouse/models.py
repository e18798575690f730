"""Models of the warehouse the tests work on."""
