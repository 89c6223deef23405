"""The pre-training script on a handful of made-up reviews, and the one that halves a model."""

import importlib.util
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from huggingface_hub import ModelCard
from safetensors import safe_open
from transformers import AutoModelForCausalLM, AutoTokenizer, GPT2Config, GPT2LMHeadModel

SCRIPTS = Path(__file__).parents[2] / "scripts"
TINY = ["--layers", "2", "--width", "32", "--heads", "2", "--context", "32", "--vocabulary", "300", "--batch", "4"]
LEAKED = "This very review stands in the test split as well, so nobody may train on it."
SUBJECTS = ["The plot", "The lead", "The music", "The ending", "Every scene", "The camera"]
VERDICTS = ["was a joy to follow", "left me cold", "felt far too long", "worked for me", "made no sense at all"]


def load_script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, SCRIPTS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def pretrain() -> ModuleType:
    return load_script("pretrain")


def reviews(count: int, seed: int) -> list[str]:
    rng = np.random.default_rng(seed)
    return [
        " ".join(f"{rng.choice(SUBJECTS)} {rng.choice(VERDICTS)}." for _ in range(6)) + f" {seed}-{i}"
        for i in range(count)
    ]


def write_hub_layout(folder: Path) -> Path:
    """20 train, 20 test and 62 unlabelled reviews, of which one leaks and one is repeated."""
    unlabelled = reviews(60, 3)
    splits = {
        "train": (reviews(20, 1), [0] * 10 + [1] * 10),
        "test": ([*reviews(19, 2), LEAKED], [0] * 10 + [1] * 10),
        "unsupervised": ([*unlabelled, LEAKED, unlabelled[0]], [-1] * 62),
    }
    (folder / "plain_text").mkdir(parents=True)
    for split, (texts, labels) in splits.items():
        table = pa.table({"text": texts, "label": labels})
        pq.write_table(table, folder / "plain_text" / f"{split}-00000-of-00001.parquet")
    return folder


def environment() -> dict[str, str]:
    return os.environ | {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPTS / "pretrain.py"), *map(str, arguments)]
    return subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[subprocess.CompletedProcess[str], Path]:
    """One run of the script for all the tests that look at what it made."""
    folder = tmp_path_factory.mktemp("pretrain")
    data = write_hub_layout(folder / "imdb")
    return run("--data", data, "--out", folder / "model", "--minutes", "0.05", *TINY), folder / "model"


@pytest.mark.full
def test_it_ends_well_and_prints_its_figures(made: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    done, _ = made
    assert done.returncode == 0, done.stderr
    assert "57 reviews to train on, 3 held out; dropped: 1 that stand in train or test, 1 repeats" in done.stdout
    assert "tokens/s" in done.stdout
    assert "minutes left" in done.stdout
    assert "held-out loss" in done.stdout


@pytest.mark.full
def test_the_loss_falls(made: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    done, _ = made
    lines = [line.split() for line in done.stdout.splitlines() if line.startswith("step ")]
    first, last = float(lines[0][3]), float(lines[-1][3])
    held_out = float(done.stdout.split("held-out loss ")[1].split()[0])
    # ln(300) = 5.7 is what a model that knows nothing gets.
    assert last < first
    assert held_out < 5.0


@pytest.mark.full
def test_stock_transformers_loads_what_it_made(made: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    _, out = made
    model, info = AutoModelForCausalLM.from_pretrained(out, output_loading_info=True)
    tokenizer = AutoTokenizer.from_pretrained(out)
    assert model.dtype == torch.float32
    assert not info["missing_keys"]
    assert not info["unexpected_keys"]
    assert (model.config.n_layer, model.config.n_embd, model.config.n_positions) == (2, 32, 32)
    assert model.config.activation_function == "gelu_new"
    assert model.config.use_cache is True
    assert tokenizer.eos_token_id == 0
    assert tokenizer.model_max_length == 32
    text = "Unseen: čaj, 茶 & 🎬."
    assert tokenizer.decode(tokenizer(text).input_ids, clean_up_tokenization_spaces=False) == text


@pytest.mark.full
def test_its_file_is_half_and_its_folder_whole(made: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    _, out = made
    with safe_open(out / "model.safetensors", "pt") as weights:
        assert {weights.get_slice(name).get_dtype() for name in weights.keys()} == {"F16"}  # noqa: SIM118
        assert weights.metadata() == {"format": "pt"}
    assert sorted(path.name for path in out.parent.iterdir()) == ["imdb", "model"]


@pytest.mark.full
def test_its_card_is_one_the_hub_reads(made: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    _, out = made
    card = ModelCard.load(out / "README.md")
    assert card.data.license == "apache-2.0"
    assert "the 1 whose text also stands in train or test and 1 repeats: 57 reviews" in " ".join(card.text.split())


# ------------------------------------------------------------------------------------------------ requests at fault


def refusal(pretrain: ModuleType, capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> str:
    """The sentence with which the script refuses; it must be one line, and the exit code 2."""
    assert pretrain.main([str(argument) for argument in arguments]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    return error


def test_it_refuses_an_out_that_is_not_empty(pretrain: Any, capsys: Any, tmp_path: Path) -> None:
    data = write_hub_layout(tmp_path / "imdb")
    out = tmp_path / "model"
    out.mkdir()
    (out / "mine.txt").write_text("keep", "utf-8")
    assert "not an empty folder" in refusal(pretrain, capsys, "--data", data, "--out", out, *TINY)
    assert [file.name for file in out.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize("absent", ["everything", "the unlabelled reviews"])
def test_it_refuses_data_that_is_not_there(pretrain: Any, capsys: Any, tmp_path: Path, absent: str) -> None:
    data = tmp_path / "imdb"
    if absent != "everything":
        write_hub_layout(data)
        next(data.glob("**/unsupervised*")).unlink()
    sentence = refusal(pretrain, capsys, "--data", data, "--out", tmp_path / "model", *TINY)
    assert str(data) in sentence
    assert not (tmp_path / "model").exists()


def test_it_refuses_a_file_that_is_not_parquet(pretrain: Any, capsys: Any, tmp_path: Path) -> None:
    data = write_hub_layout(tmp_path / "imdb")
    file = next(data.glob("**/unsupervised*"))
    file.write_text("not parquet", "utf-8")
    assert str(file) in refusal(pretrain, capsys, "--data", data, "--out", tmp_path / "model", *TINY)


@pytest.mark.parametrize(
    ("option", "value"),
    [("--minutes", "0"), ("--width", "33"), ("--vocabulary", "100"), ("--layers", "-1"), ("--context", "4")],
)
def test_it_refuses_a_shape_no_model_has(pretrain: Any, capsys: Any, tmp_path: Path, option: str, value: str) -> None:
    sentence = refusal(pretrain, capsys, "--data", tmp_path, "--out", tmp_path / "m", *TINY, option, value)
    assert option in sentence


@pytest.mark.full
def test_an_interrupt_saves_nothing(tmp_path: Path) -> None:
    data = write_hub_layout(tmp_path / "imdb")
    command = [sys.executable, str(SCRIPTS / "pretrain.py"), "--data", str(data), "--out", str(tmp_path / "model")]
    with subprocess.Popen(
        [*command, "--minutes", "0.5", *TINY],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        # In the midst of training: the first line of progress comes after a twentieth of the time.
        for line in process.stdout:
            if line.startswith("step "):
                break
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=60)
    assert process.returncode == 130
    assert error.splitlines()[-1] == "interrupted: nothing was saved"
    assert [path.name for path in tmp_path.iterdir()] == ["imdb"]


# ------------------------------------------------------------------------------------------------------- its parts


def test_a_raw_folder_gives_the_same_reviews(pretrain: Any, tmp_path: Path) -> None:
    data = write_hub_layout(tmp_path / "imdb")
    splits = pretrain.read_splits(data)
    raw = tmp_path / "aclImdb"
    places = {
        "train": ["train/pos", "train/neg"],
        "test": ["test/pos", "test/neg"],
        "unsupervised": ["train/unsup"],
    }
    for split, folders in places.items():
        for folder in folders:
            (raw / folder).mkdir(parents=True)
        for i, text in enumerate(splits[split]):
            (raw / folders[i * len(folders) // len(splits[split])] / f"{i:03d}_0.txt").write_text(text, "utf-8")
    assert pretrain.read_reviews(raw, seed=0) == pretrain.read_reviews(data, seed=0)
    assert pretrain.read_reviews(tmp_path / "aclImdb" / "..", seed=0) == pretrain.read_reviews(data, seed=0)


def test_no_review_is_trained_on_and_held_out_or_labelled(pretrain: Any, tmp_path: Path) -> None:
    data = write_hub_layout(tmp_path / "imdb")
    kept = pretrain.read_reviews(data, seed=0)
    assert LEAKED not in kept.train + kept.held_out
    assert not set(kept.train) & set(kept.held_out)
    assert len(set(kept.train)) == len(kept.train)


def test_rows_hold_all_tokens_and_begin_with_the_end_of_text(pretrain: Any) -> None:
    texts = reviews(30, 4)
    tokenizer = pretrain.train_tokenizer(texts, 300, 16)
    rows = pretrain.pack(texts, tokenizer, 16)
    stream = [token for text in texts for token in [0, *tokenizer(text).input_ids]]
    assert rows.shape == (len(stream) // 16, 16)
    assert rows.flatten().tolist() == stream[: rows.numel()]


def test_an_epoch_shows_each_row_once(pretrain: Any) -> None:
    rows = torch.arange(12).reshape(12, 1)
    batches = pretrain.endless_batches(rows, 4, seed=0)
    first, second = ([int(x) for _ in range(3) for x in next(batches)] for _ in range(2))
    assert sorted(first) == sorted(second) == list(range(12))
    assert first != second


@pytest.mark.parametrize(("done", "share"), [(0.0, 0.025), (0.02, 0.5), (0.04, 1), (0.5, 1), (0.75, 0.5), (1, 0)])
def test_the_rate_warms_up_stays_and_falls_to_zero(pretrain: Any, done: float, share: float) -> None:
    assert pretrain.rate_share(done) == pytest.approx(share)


@pytest.mark.parametrize("shape", [(8, 24), (24, 8), (16, 16)])
def test_muon_in_float32_is_the_librarys(pretrain: Any, shape: tuple[int, int]) -> None:
    """The library iterates in bfloat16 (8 bits), so three steps agree to about a hundredth of the step."""
    torch.manual_seed(0)
    start = torch.randn(shape)
    gradients = [torch.randn(shape) for _ in range(3)]
    ends = []
    for kind in (torch.optim.Muon, pretrain.Float32Muon):
        matrix = torch.nn.Parameter(start.clone())
        optimizer = kind([matrix], lr=0.1, momentum=0.95, weight_decay=0.1)
        for gradient in gradients:
            matrix.grad = gradient.clone()
            optimizer.step()
        ends.append(matrix.detach())
    moved = (ends[0] - start).norm()
    assert (ends[0] - ends[1]).norm() < 0.03 * moved


def test_muon_takes_the_blocks_matrices_and_adam_the_rest(pretrain: Any) -> None:
    model = GPT2LMHeadModel(GPT2Config(n_layer=2, n_embd=16, n_head=2, n_positions=8, vocab_size=300))
    muon, adam = pretrain.build_optimizers(model, torch.device("cpu"))
    owned = [[p for group in optimizer.param_groups for p in group["params"]] for optimizer in (muon, adam)]
    assert len(owned[0]) == 2 * 4
    assert {id(p) for several in owned for p in several} == {id(p) for p in model.parameters()}
    assert id(model.transformer.wte.weight) in {id(p) for p in owned[1]}


# ------------------------------------------------------------------------------------------------- halving a model


def test_shrinking_rounds_the_weights_and_nothing_else(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pretrain, shrink = load_script("pretrain"), load_script("shrink_embedded_model")
    full, half = tmp_path / "full", tmp_path / "half"
    tokenizer = pretrain.train_tokenizer(reviews(10, 5), 300, 16)
    model = GPT2LMHeadModel(GPT2Config(n_layer=1, n_embd=16, n_head=2, n_positions=16, vocab_size=300))
    model.save_pretrained(full)
    tokenizer.save_pretrained(full)
    assert shrink.main(["--model", str(full), "--out", str(half)]) == 0
    assert "float16" in capsys.readouterr().out
    loaded = AutoModelForCausalLM.from_pretrained(half)
    assert loaded.dtype == torch.float32
    for name, weight in model.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], weight.half().float()), name
    assert json.loads((half / "tokenizer.json").read_text("utf-8")) == json.loads(
        (full / "tokenizer.json").read_text("utf-8")
    )
    assert shrink.main(["--model", str(full), "--out", str(half)]) == 2
    assert "not an empty folder" in capsys.readouterr().err
