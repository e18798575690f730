"""Models of the newsroom the tests work on."""
