"""Countries and airports of the world."""
