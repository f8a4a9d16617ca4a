"""Faces made to order: a head in three dimensions, drawn, with exact landmarks."""

from awing_lib.datasets.synthetic.faces import SyntheticFaces

__all__ = ["SyntheticFaces"]
