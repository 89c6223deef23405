"""`lightune predict`: labels for new texts, given here or in a file."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

from lightune.cli.options import Address
from lightune.cli.predict_folder import LOCAL, RAY, check_engine, check_folder, is_folder, label_folder
from lightune.errors import ConfigError

if TYPE_CHECKING:
    from rich.console import Console

    from lightune.inference import Wanted

PIPE = "-"
BASELINE = "baseline"
INPUT_KINDS = ("lines", "jsonl")


def predict(
    folder: Annotated[Path, Argument(metavar="DIR", help="A study's folder, or an arm's.")],
    texts: Annotated[list[str] | None, Argument(metavar="TEXT…", help="Texts to label.")] = None,
    arm: Annotated[
        str | None, Option(help="Which arm of the study, or several: lora,tfidf; `lora` without it.")
    ] = None,
    baseline: Annotated[bool, Option("--baseline", help="The pre-trained model's answer beside it.")] = False,
    source: Annotated[
        str | None,
        Option(
            "--input",
            help="A CSV, TSV, JSONL or Parquet file of texts; - is standard input. Or a folder of Parquet files, "
            "or its URL (s3://…).",
        ),
    ] = None,
    target: Annotated[
        str | None,
        Option(
            "--output",
            help="Where its rows go, with their labels; - is JSON lines to standard output. Of a folder: a folder, or "
            "its URL.",
        ),
    ] = None,
    resume: Annotated[bool, Option("--resume", help="Go on with an output that was cut off.")] = False,
    text_column: Annotated[str | None, Option(help="The file's column of texts; found without it.")] = None,
    input_format: Annotated[
        str | None, Option(help="What standard input holds: `lines`, each a text (the default), or `jsonl`.")
    ] = None,
    top_k: Annotated[
        int | None, Option(help="The K most probable labels and their scores, instead of every label's.")
    ] = None,
    probabilities: Annotated[
        bool, Option("--probabilities/--no-probabilities", help="Every label's probability, or label and score alone.")
    ] = True,
    abstain_below: Annotated[float | None, Option(help="Below this score the label is `abstain`.")] = None,
    calibrated: Annotated[
        bool, Option("--calibrated/--raw", help="Scores by the temperature that was fitted on validation rows.")
    ] = False,
    spreadsheet_safe: Annotated[
        bool, Option("--spreadsheet-safe", help="Make text of what a spreadsheet would run as a formula.")
    ] = False,
    as_json: Annotated[bool, Option("--json", help="A line of JSON a text.")] = False,
    engine: Annotated[
        str, Option(help="What labels a folder of Parquet: `local`, this process, or `ray`, a cluster.")
    ] = LOCAL,
    address: Address = None,
    workers: Annotated[int | None, Option(help="Processes that label; without it as many as have room.")] = None,
    cpus_per_worker: Annotated[int | None, Option(help="CPUs, and threads, of each; 1 without it.")] = None,
    gpus_per_worker: Annotated[
        float | None, Option(help="GPUs of each; without it 1 where the cluster has GPUs and a model answers.")
    ] = None,
) -> int:
    """Label texts with what a study made."""
    _check(texts, source, target, input_format)
    check_engine(
        engine,
        {
            "--address": address,
            "--workers": workers,
            "--cpus-per-worker": cpus_per_worker,
            "--gpus-per-worker": gpus_per_worker,
        },
        source,
    )
    if source is None and (resume or spreadsheet_safe):
        raise ConfigError(f"{'--resume' if resume else '--spreadsheet-safe'} goes with --input and --output.")
    if source is not None and as_json:
        raise ConfigError("--json is for texts given as words; name an --output that ends in .jsonl, or is -.")
    folders = source is not None and target is not None and (engine == RAY or is_folder(source, target))
    if folders:
        check_folder(str(source), str(target), spreadsheet_safe, input_format)
    from lightune.inference import BatchRequest, FolderRequest, Wanted
    from lightune.models import quiet_transformers

    wanted = Wanted(top_k, probabilities, abstain_below, calibrated)
    with quiet_transformers():
        arms = _arms(folder, arm, baseline)
        if source is not None and target is not None:
            prefixed = {
                f"{name}_" if name == BASELINE or len(_named(arms)) > 1 else "": at for name, at in arms.items()
            }
            on_loaded = partial(_say_unverified, arms)
            if folders:
                asked = FolderRequest(prefixed, source, target, text_column, wanted, resume)
                if engine == LOCAL:
                    return label_folder(asked, None, on_loaded)
                from lightune.inference import Workers, ray_engine

                with ray_engine(prefixed, address, Workers(workers, cpus_per_worker, gpus_per_worker)) as on_ray:
                    return label_folder(asked, on_ray, on_loaded)
            from lightune.cli.predict_file import label_file

            request = BatchRequest(
                prefixed, Path(source), Path(target), text_column, input_format, wanted, spreadsheet_safe, resume
            )
            return label_file(request, on_loaded)
        return _texts(arms, texts or [], wanted, as_json)


def _check(texts: list[str] | None, source: str | None, target: str | None, input_format: str | None) -> None:
    if (source is None) != (target is None):
        raise ConfigError("--input and --output go together: a file to read and a file to write.")
    if source is not None and texts:
        raise ConfigError("Texts are expected either as words of the command or in --input, not both.")
    if source is None and not texts:
        raise ConfigError("At least one text is expected, or --input FILE --output FILE.")
    if input_format is not None and (source != PIPE or input_format not in INPUT_KINDS):
        raise ConfigError(
            f"--input-format {input_format}: {' or '.join(INPUT_KINDS)} is expected, with --input -; a file's ending "
            "says what it holds."
        )


def _arms(folder: Path, arm: str | None, baseline: bool) -> dict[str, Path]:
    """The artefacts' folders by the names of their arms, the baseline last. Raises InputError."""
    from lightune.inference import baseline_of, find_artifact

    names: list[str | None] = [None] if arm is None else [name.strip() for name in arm.split(",")]
    doubled = sorted({str(name) for name in names if names.count(name) > 1})
    if doubled:
        raise ConfigError(f"--arm {arm}: {', '.join(doubled)} is named more than once.")
    if BASELINE in names and baseline:
        raise ConfigError(f"--baseline: --arm names {BASELINE} too, and their columns would have the same names.")
    found = {name or "": find_artifact(folder, name) for name in names}
    if baseline:
        found[BASELINE] = baseline_of(next(iter(found.values())))
    return found


def _named(arms: dict[str, Path]) -> list[str]:
    """The arms that were asked for, without the baseline."""
    return [name for name in arms if name != BASELINE]


def _say_unverified(arms: dict[str, Path], shown: Console) -> None:
    from lightune.artifacts import MANIFEST, read_manifest

    for path in arms.values():
        if not (path / MANIFEST).exists():
            why = (
                "lightune did not make it, so nothing tells whether its base, its cut of long texts and its labels are "
                "those it was trained with"
            )
        elif not read_manifest(path).vouches:
            why = f"its {MANIFEST} does not say by their SHA-256 which weights it was trained on"
        else:
            continue
        shown.print(f"lightune: {path} is unverified: {why}.", markup=False, soft_wrap=True)


def _texts(arms: dict[str, Path], texts: list[str], wanted: Wanted, as_json: bool) -> int:
    from lightune.cli.output import console, print_json, progress_console
    from lightune.cli.predict_view import answers_table
    from lightune.inference import answer_fields, check_wanted, load_classifier_folder

    answers: dict[str, list[dict[str, object]]] = {}
    for name, path in arms.items():
        classifier = load_classifier_folder(path)
        check_wanted(classifier, classifier.arm or str(path), wanted)
        probabilities = classifier.probabilities(texts, calibrated=wanted.calibrated)
        answers[name] = answer_fields(classifier.label_names, probabilities, wanted)
    _say_unverified(arms, progress_console())
    if not as_json:
        console().print(answers_table(texts, answers))
        return 0
    alone = len(_named(arms)) == 1
    for text, *row in zip(texts, *answers.values(), strict=True):
        line: dict[str, object] = {"text": text}
        for name, fields in zip(answers, row, strict=True):
            line |= fields if alone and name != BASELINE else {name: fields}
        print_json(line)
    return 0
