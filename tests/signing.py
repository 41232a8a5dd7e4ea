"""Sign a result file that a test changed, as prunescope signs its own: what is tested then is what lies inside."""

from __future__ import annotations

import h5py

from prunescope.runs.files import hdf5


def sign(path):
    """Renew both digests of a changed file."""
    with h5py.File(path, "a") as file:
        file.attrs[hdf5.DIGEST] = hdf5.digest_of(file)
    sign_bytes(path)


def sign_bytes(path):
    """Renew the digest of the bytes alone."""
    data = path.read_bytes()
    path.write_bytes(hdf5.block(data, name=hdf5.name_in(data)) + data[hdf5.BLOCK :])
