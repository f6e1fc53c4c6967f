"""Former keys of recipes and their present names, for error messages only."""

_MOVED = {
    "data": "dataset downsample validation",
    "network": "model hidden channels blocks norm",
    "quantize": "input_bits input_signed activation_bits activation_signed activation_range activation_clip "
    "scale slices bias converters cells stuck_map",
    "machine": "threads device",
}
RENAMED = {f"train.{key}": f"{table}.{key}" for table, keys in _MOVED.items() for key in keys.split()} | {
    "train.quantize": "quantize.layers",
    "train.float_baseline": "train.baseline",
    "train.float_lr": "train.baseline_lr",
    "train.float_weight_decay": "train.baseline_weight_decay",
}
