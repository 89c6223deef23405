"""Updates of the weights that are not low-rank: products, rotations, frequencies, sparse entries, small networks."""

from __future__ import annotations

from lightune.catalogue.entry import BIASES, BLOCKS, MERGE, NORMS, Method
from lightune.catalogue.low_rank import MIXED


def fourier(side: int) -> dict[str, float]:
    """FourierFT's options where the shortest side of a layer is `side`: those of its paper from 768 on.

    It begins with random entries, whose sum grows as a layer narrows: on a narrow one it would drown the weights.
    """
    count = min(1000, side**2 // 8)
    return {"n_frequency": count, "scaling": min(150.0, 150.0 * (side / 768) ** 2 * (1000 / count) ** 0.5)}


OTHER_UPDATES = (
    Method(
        "ia3", "IA3", "keys, values and feed-forward states scaled by trained vectors", "arXiv:2205.05638", "IA3",
        rate=3.0, conv1d=True,
    ),
    Method(
        "loha", "LoHa", "the element-wise product of two low-rank updates", "arXiv:2108.06098", "LOHA", rate=1.0,
        cannot=MIXED,
    ),
    Method(
        "lokr", "LoKr", "an update that is a Kronecker product", "arXiv:2309.14859", "LOKR", rate=1.0, cannot=MIXED,
    ),
    Method(
        "hira", "HiRA", "each weight times a low-rank update, element by element",
        "openreview.net/forum?id=TwJrTz9cRS", "HIRA", fitted=lambda shape: {"r": min(32, shape.least)}, rate=3.0,
        conv1d=True, cannot=MIXED,
    ),
    Method(
        "miss", "MiSS", "one small matrix a layer, repeated over the shards of its weight", "arXiv:2409.15371", "MISS",
        fitted=lambda shape: {"r": shape.block(64)}, rate=0.3, cannot=MIXED,
    ),
    Method(
        "glora", "GLoRA", "a scaled weight, a low-rank update and a prompt-like shift in one", "arXiv:2306.07967",
        "GLORA", cannot=MIXED,
    ),
    Method(
        "oft", "OFT", "each weight rotated by an orthogonal block-diagonal matrix", "arXiv:2306.07280", "OFT",
        fitted=lambda shape: {"oft_block_size": shape.block(32)}, rate=1.0, cannot=MIXED,
    ),
    Method(
        "boft", "BOFT", "each weight rotated by a product of sparse orthogonal matrices", "arXiv:2311.06243", "BOFT",
        fitted=lambda shape: {"boft_block_size": shape.block(8)}, rate=1.0, cannot=MIXED,
    ),
    Method(
        "hra", "HRA", "each weight reflected by a chain of Householder reflections", "arXiv:2405.17484", "HRA",
        rate=1.0, cannot=MIXED,
    ),
    Method(
        "road", "RoAd", "pairs of each layer's outputs rotated and scaled", "arXiv:2409.00119", "ROAD",
        fitted=lambda shape: {"group_size": 2 * shape.block(32) if shape.divisor % (2 * shape.block(32)) == 0
                              else shape.block(64)},
        rate=10.0, cannot=MIXED,
    ),
    Method(
        "c3a", "C3A", "an update by circular convolution, in blocks", "arXiv:2407.19342", "C3A",
        fitted=lambda shape: {"block_size": shape.block(256)}, rate=10.0, cannot=MIXED,
    ),
    Method(
        "fourierft", "FourierFT", "an update given by a few entries of its Fourier transform", "arXiv:2405.03003",
        "FOURIERFT", fitted=lambda shape: fourier(shape.least), rate=30.0, conv1d=True, cannot=MIXED,
    ),
    Method(
        "waveft", "WaveFT", "an update given by a few entries of its wavelet transform", "arXiv:2505.12532", "WAVEFT",
        fitted=lambda shape: {"n_frequency": min(2592, shape.least**2 // 8)}, rate=3.0, conv1d=True, cannot=MIXED,
    ),
    Method(
        "shira", "SHiRA", "a few entries of each weight, drawn at random", "arXiv:2406.13175", "SHIRA",
        fitted=lambda shape: {"r": min(32, shape.least // 4)}, rate=1.0, cannot=MIXED,
    ),
    Method(
        "supertuning", "Super-Tuning", "the entries of each weight that are largest", "arXiv:2607.09287", "SUPERTUNING",
        rate=1.0, cannot=MIXED,
    ),
    Method(
        "osf", "OSF", "the weights' minor singular directions, the major ones kept as they are", "arXiv:2504.07097",
        "OSF", rate=0.1, cannot=MIXED,
    ),
    Method(
        "peanut", "PEANuT", "an update computed from each weight by a small network", "arXiv:2410.01870", "PEANUT",
        fitted=lambda shape: {"r": min(32, shape.least)}, rate=1.0, cannot=MIXED,
    ),
    Method(
        "beft", "BEFT", "a trained bias on the linear layers", "arXiv:2509.15974", "BEFT", rate=10.0, cannot=MIXED,
    ),
    Method(
        "ln-tuning", "LN tuning", "the layer norms' own weights", "arXiv:2312.11420", "LN_TUNING", targets=NORMS,
        rate=3.0, conv1d=True, needs="normalisation layers", cannot=MIXED,
    ),
    Method(
        "bitfit", "BitFit", "the model's own biases", "arXiv:2106.10199", None, targets=BIASES, rate=3.0, conv1d=True,
        needs="linear layers or layer norms with biases", cannot=MIXED,
    ),
    Method(
        "shadow", "ShadowPEFT", "a small network beside the blocks, that corrects the state each of them gets", None,
        "SHADOW", targets=BLOCKS, rate=1.0, conv1d=True, own_loss=True,
        needs="a decoder's blocks in one list",
        cannot={MERGE: "its correction depends on the text", **MIXED},
    ),
)  # fmt: skip
