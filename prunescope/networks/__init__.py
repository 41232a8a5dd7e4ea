"""A network: by name, under a mask, from a checkpoint, or several as one grouped network.

Where torch is loaded, `import prunescope.networks` registers the small networks of `zoo` with timm.
"""

import sys

if "torch" in sys.modules:  # this import alone loads neither torch nor timm: the command line begins with it
    import prunescope.networks.zoo  # noqa: F401 - registers them
