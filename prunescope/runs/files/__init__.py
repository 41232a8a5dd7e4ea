"""The files of a study: results in HDF5, written whole."""
