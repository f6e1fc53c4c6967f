"""Small tensors train faster on one thread, above all when tests share the machine."""

import torch

torch.set_num_threads(1)
