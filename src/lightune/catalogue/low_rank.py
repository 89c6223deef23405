"""LoRA, its variants, and other low-rank updates of the weights."""

from __future__ import annotations

from lightune.catalogue.entry import MERGE, MIX, Method

ONE_AT_A_TIME = "peft has no weighted sum of its adapters"
MIXED = {MIX: ONE_AT_A_TIME}

LOW_RANK = (
    Method(
        "lora", "LoRA", "a low-rank update beside each frozen linear layer", "arXiv:2106.09685", "LORA", conv1d=True,
    ),
    Method(
        "dora", "DoRA", "LoRA on the direction of each weight, its magnitude learned apart", "arXiv:2402.09353", "LORA",
        options={"use_dora": True}, conv1d=True, variant_of="lora",
    ),
    Method(
        "rslora", "rsLoRA", "LoRA scaled by the square root of its rank", "arXiv:2312.03732", "LORA",
        options={"use_rslora": True}, conv1d=True, variant_of="lora",
    ),
    Method(
        "pissa", "PiSSA", "LoRA that begins as the weights' principal singular directions", "arXiv:2404.02948", "LORA",
        options={"init_lora_weights": "pissa"}, rate=0.3, variant_of="lora",
    ),
    Method(
        "olora", "OLoRA", "LoRA that begins as an orthonormal part of the weights", "arXiv:2406.01775", "LORA",
        options={"init_lora_weights": "olora"}, rate=0.3, variant_of="lora",
    ),
    Method(
        "lora-plus", "LoRA+", "LoRA whose second factor learns 16 times as fast", "arXiv:2402.12354", "LORA",
        conv1d=True, rate=0.3, variant_of="lora",
    ),
    Method(
        "eva", "EVA", "LoRA that begins with the directions in which the texts' activations vary most",
        "arXiv:2410.07170", "LORA", options={"init_lora_weights": "eva"}, variant_of="lora",
    ),
    Method(
        "qlora", "QLoRA", "LoRA on a base held in 4 bits", "arXiv:2305.14314", "LORA",
        needs="a CUDA device and the package bitsandbytes", variant_of="lora", quantised=True,
        cannot={MERGE: "the base is held in 4 bits, and merging would round the sum to them"},
    ),
    Method(
        "adalora", "AdaLoRA", "LoRA in the form of a singular value decomposition, ranks moved to where they count",
        "arXiv:2303.10512", "ADALORA", options={"init_r": 12, "target_r": 8},
        fitted=lambda shape: {
            "total_step": shape.steps, "tinit": shape.steps // 10, "tfinal": shape.steps // 4,
            "deltaT": max(1, shape.steps // 50),
        },
        rate=3.0, conv1d=True, own_loss=True, cannot=MIXED,
    ),
    Method(
        "adamss", "AdaMSS", "low-rank updates inside clusters of the weights' singular directions",
        "openreview.net/forum?id=8ZdWmpYxT0", "ADAMSS", fitted=lambda shape: {"r": min(100, shape.least // 2)},
        rate=3.0, cannot=MIXED,
    ),
    Method(
        "vera", "VeRA", "random frozen low-rank factors shared by all layers, scaled by trained vectors",
        "arXiv:2310.11454", "VERA", fitted=lambda shape: {"r": min(256, shape.least)}, rate=3.0, conv1d=True,
        cannot=MIXED,
    ),
    Method(
        "pvera", "PVeRA", "VeRA whose inner vector is drawn from a learned distribution in training",
        "arXiv:2512.07703", "PVERA", fitted=lambda shape: {"r": min(256, shape.least)}, rate=10.0, conv1d=True,
        cannot=MIXED,
    ),
    Method(
        "randlora", "RandLoRA", "a full-rank update as a trained sum of random low-rank ones", "arXiv:2502.00987",
        "RANDLORA", fitted=lambda shape: {"r": max(1, min(32, shape.least // 4)), "randlora_alpha":
                                          20 * max(1, min(32, shape.least // 4))},
        conv1d=True, cannot=MIXED,
    ),
    Method(
        "vblora", "VB-LoRA", "LoRA composed of vectors from one small shared bank", "arXiv:2405.15179", "VBLORA",
        fitted=lambda shape: {"vector_length": shape.block(256), "num_vectors": 256}, rate=10.0, conv1d=True,
        cannot=MIXED,
    ),
    Method(
        "unilora", "Uni-LoRA", "LoRA's parameters as fixed projections of one short trained vector",
        "arXiv:2506.00799", "UNILORA", fitted=lambda shape: {"theta_d_length": max(256, shape.width * 4)}, rate=10.0,
        conv1d=True, cannot=MIXED,
    ),
    Method(
        "tinylora", "TinyLoRA", "a handful of trained numbers, projected into the weights' singular directions",
        "arXiv:2602.04118", "TINYLORA", rate=10.0, conv1d=True, cannot=MIXED,
    ),
    Method(
        "frod", "FRoD", "a shared rotation of each weight with sparse trained coefficients",
        "doi:10.1609/aaai.v40i31.39813", "FROD", options={"progressbar": False}, rate=10.0, conv1d=True, cannot=MIXED,
    ),
    Method(
        "gralora", "GraLoRA", "LoRA in blocks, each with factors of its own", "arXiv:2505.20355", "GRALORA",
        fitted=lambda shape: {"r": 2 * shape.block(16), "alpha": 4 * shape.block(16)}, conv1d=True, cannot=MIXED,
    ),
    Method(
        "delora", "DeLoRA", "LoRA normalised, with the strength of the update learned apart", "arXiv:2503.18225",
        "DELORA", rate=3.0, cannot=MIXED,
    ),
    Method(
        "deft", "DEFT", "a low-rank direction projected out of each weight and another put in",
        "NeurIPS 2025, 93a34a7138bdad95e874018d5f491cc6", "DEFT", conv1d=True, cannot=MIXED,
    ),
    Method(
        "psoft", "PSOFT", "a rotation inside the weights' principal subspace", "openreview.net/forum?id=FSHrinMArK",
        "PSOFT", fitted=lambda shape: {"r": min(32, shape.least)}, rate=3.0, cannot=MIXED,
    ),
    Method(
        "poly", "Poly", "a learned mixture of LoRA modules, here for one task", "arXiv:2202.13914", "POLY",
        needs="linear layers that are given the texts alone",
        cannot={MERGE: "its mixture is chosen by the task in each forward pass", **MIXED},
    ),
    Method(
        "lily", "LILY", "LoRA whose second factors are shared between layers and mixed by a router",
        "arXiv:2407.09946", "LILY",
        refused="its router averages over all tokens of a batch, so a text's answer depends on the texts beside it",
    ),
    Method(
        "xlora", "X-LoRA", "a learned mixture of LoRA adapters that were trained before", "arXiv:2402.07148", "XLORA",
        refused="it mixes LoRA adapters that were trained before, and a study that begins with a base has none",
    ),
)  # fmt: skip
