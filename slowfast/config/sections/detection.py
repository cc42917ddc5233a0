"""Options of detection: who does what, where in the picture."""

from slowfast.config.options import Option, Section, switched_off

SECTION = Section(
    name="DETECTION",
    network=("*",),
    meaning="Detection: the network classifies persons, given their boxes, and not whole clips.",
    no_effect_if=switched_off("DETECTION"),
    options={
        "ENABLE": Option(False, "Whether to classify persons in boxes."),
        "ALIGNED": Option(True, "Whether boxes are shifted by half a pixel, so that pixels are areas and not points."),
        "SPATIAL_SCALE_FACTOR": Option(
            16, "Pixels of the clip for each place of the features that boxes are cut from.", minimum=1, maximum=1024
        ),
        "ROI_XFORM_RESOLUTION": Option(
            7, "Places, on each side, that the features of a box are read at.", minimum=1, maximum=64
        ),
    },
)
