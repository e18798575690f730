"""What checkers say: files that mypy and pyright read, with the types they have to find."""
