"""Small networks for small images, registered with timm: `timm.create_model` finds them after this import.

preresnet8/14/20/32/56 · vgg11/13/16/19_bn_cifar · densenet22/40_cifar · small_mlp. All take num_classes, in_chans and
`width`, a factor on their numbers of channels; only `small_mlp` needs img_size. None has pretrained weights.
"""

from prunescope.networks.zoo import densenet, mlp, preresnet, vgg

__all__ = ["densenet", "mlp", "preresnet", "vgg"]
