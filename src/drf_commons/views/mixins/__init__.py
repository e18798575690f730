"""The actions of viewsets, one mixin each."""
