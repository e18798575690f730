"""A project of its own, whose lines say what the plugin has to make of them."""
