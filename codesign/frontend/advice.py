"""What to do about operations that no chip has: every refusal says it."""

RELUS = "chips have ReLU-like activations only", "use nn.ReLU or nn.ReLU6 and train again"
LAST = RELUS[0], "use nn.ReLU and train again; at the end of a model leave it out, scores keep their order"
NORMS = "its statistics change with every image", "use nn.BatchNorm2d or nn.BatchNorm1d and train again"
MEMORY = "chips keep no state between steps", "use Conv1d over the sequence, or features of fixed length"
PRODUCT = "it multiplies two values, chips multiply by fixed weights", "use linear layers, convolutions and sums"
ORDER = "it reorders values", "prepare the inputs in the order that the first layer reads"
JOIN = "chips add edges and cannot join them", "use a sum, or one wider layer"
LARGER = "chips do not enlarge images", "classify at the resolution that strides and pooling leave"
PAD = "only zeros that a convolution pads itself are supported", "use padding=... of the convolution, with zeros"
COMPARE = "chips cannot choose by comparison", "use relu or clamp"
CHANCE = "its values are random", "leave randomness to training"
CURVE = "it is not linear", "use nn.ReLU or nn.ReLU6 as the activation, and prepare inputs before the network"
INSIDE = "it is only possible at the end of the model", "remove it, or return it"

_GROUPS: dict[tuple[str, str], str] = {
    RELUS: "gelu silu tanh leaky_relu prelu rrelu elu selu celu hardswish mish softplus softsign "
    "softshrink hardshrink glu threshold hardtanh clamp",
    LAST: "sigmoid hardsigmoid log_sigmoid",
    NORMS: "layer_norm group_norm instance_norm native_layer_norm native_group_norm rms_norm local_response_norm "
    "linalg_vector_norm",
    MEMORY: "lstm gru rnn_tanh rnn_relu lstm_cell gru_cell cumsum",
    PRODUCT: "matmul bmm mm baddbmm einsum dot mv bilinear scaled_dot_product_attention mul div",
    ORDER: "transpose permute movedim swapaxes flip roll pixel_shuffle pixel_unshuffle channel_shuffle t numpy_T mT "
    "index_select gather unfold im2col",
    JOIN: "cat stack concat hstack vstack",
    LARGER: "upsample_nearest1d upsample_nearest2d upsample_bilinear2d upsample_bicubic2d conv_transpose1d "
    "conv_transpose2d interpolate grid_sampler repeat repeat_interleave expand",
    PAD: "pad constant_pad_nd reflection_pad1d reflection_pad2d replication_pad1d replication_pad2d",
    COMPARE: "where gt lt ge le eq ne maximum minimum masked_fill topk sort nonzero index sign heaviside",
    CHANCE: "rand randn rand_like randn_like bernoulli normal dropout alpha_dropout feature_dropout",
    CURVE: "pow square abs exp log log1p sqrt rsqrt reciprocal sin cos erf var std",
    INSIDE: "softmax log_softmax argmax max",
    ("it looks numbers up in a table, chips take activations", "give numbers as inputs"): "embedding embedding_bag",
    ("it reads a part of the values", "use a layer with fewer outputs, or read all"): "slice select chunk split narrow "
    "unbind split_with_sizes",
    ("it assigns to a part of a tensor", "compute new tensors instead"): "index_put copy fill zero masked_scatter",
    ("chips sum over windows of one channel or over all features", "use a linear layer"): "sum mean amax amin prod",
    ("three-dimensional images are not supported", "use Conv2d or Conv1d"): "conv3d max_pool3d avg_pool3d",
}
ADVICE = {word: advice for advice, words in _GROUPS.items() for word in words.split()}

WHOLE = {  # modules that are refused as one, by the start of their type's name
    "MultiheadAttention": ("attention", *PRODUCT),
    "LSTM": ("lstm", *MEMORY),
    "GRU": ("gru", *MEMORY),
    "RNN": ("rnn", *MEMORY),
}
SUPPORTED = (
    "linear, conv1d, conv2d, batch_norm, relu, relu6, hardtanh, clamp, max and average pooling, add, sub, flatten, "
    "reshape, dropout, constants that scale or move, softmax at the end"
)


def advice(operation: str) -> tuple[str, str]:
    """Why an operation is refused, and what to do."""
    return ADVICE.get(operation, ("the compiler does not know it", f"use {SUPPORTED}"))
