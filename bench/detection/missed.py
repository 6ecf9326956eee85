"""Why a sample misses its target, by the sample's name, for the page."""

_PREDICTED = "what a load adds was predicted by its author, and measured here for the first time"

REASONS: dict[str, str] = {
    "benign_python2_pandas_2": "a frame of an old pandas, which the pandas of the layer can't make; as for its user",
    "benign_code_of_a_script": "a program that needs torchvision's operators, which the jail has not; as for its user",
    "second_from_type": "declared when its stand-in could not be loaded; now it can",
    **dict.fromkeys(
        [
            "cpp_extension",
            "second_torch",
            "grammar",
            "c_library",
            "import_module",
            "tls_certificate",
            "hook_extension_big",
            "excused_mapped",
            "new_memmap_options",
            "search_attention",
            "search_statistics",
        ],
        _PREDICTED,
    ),
}
