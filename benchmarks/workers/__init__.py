"""Scripts that run in the environments of peers: they import nothing but what the peer has."""
