"""The features of a cell, each a pure function of its picture and its mask."""
