"""Models of the ledger the tests work on."""
