"""Viewsets."""
