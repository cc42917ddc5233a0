"""Options of TensorBoard."""

from slowfast.config.options import Option, Section

SECTION = Section(
    name="TENSORBOARD",
    meaning="TensorBoard.",
    options={
        "ENABLE": Option(True, "Whether to write scalars for TensorBoard."),
        "LOG_DIR": Option("tensorboard", "Folder for them, below OUTPUT_DIR.", empty=False),
    },
)
