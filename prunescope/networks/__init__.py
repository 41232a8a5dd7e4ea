"""A network: by name, under a mask, from a checkpoint, or several as one grouped network.

Where timm is loaded, `import prunescope.networks` registers the small networks of `zoo` with it.
"""

import sys

if "timm" in sys.modules:  # this import alone loads neither timm nor torch: the command line begins with it
    import prunescope.networks.zoo  # noqa: F401 - registers them
