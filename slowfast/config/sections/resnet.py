"""Options of the ResNet family."""

from slowfast.config.options import Option, Section

SECTION = Section(
    name="RESNET",
    meaning="The ResNet family.",
    options={
        "DEPTH": Option(50, "Layers.", choices=(18, 50, 101)),
        "TRANS_FUNC": Option("bottleneck_transform", "Residual function.", choices=("bottleneck_transform", "basic_transform")),
        "NUM_GROUPS": Option(1, "Groups of the spatial convolution (more than 1: ResNeXt).", minimum=1),
        "WIDTH_PER_GROUP": Option(64, "Channels of a group in the first stage.", minimum=1),
        "INPLACE_RELU": Option(True, "Whether rectifiers overwrite their input."),
        "STRIDE_1X1": Option(False, "Whether a block's spatial stride sits in its first 1x1 convolution, not in the 3x3."),
        "ZERO_INIT_FINAL_BN": Option(False, "Whether blocks start as the identity: zero scale in their last norm."),
        "ZERO_INIT_FINAL_CONV": Option(False, "Whether blocks start as the identity: zero weights in their last convolution."),
        "NUM_BLOCK_TEMP_KERNEL": Option(
            [[3], [4], [6], [3]], "Blocks of each stage (and pathway) that may have a temporal kernel."
        ),
        "SPATIAL_STRIDES": Option([[1], [2], [2], [2]], "Spatial stride of each stage and pathway."),
        "SPATIAL_DILATIONS": Option([[1], [1], [1], [1]], "Spatial dilation of each stage and pathway."),
    },
)
