"""Types of serializers written out, for checkers that run no plugin and for front ends."""
