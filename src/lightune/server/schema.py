"""What the endpoints take and give, as OpenAPI has it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lightune.hosting import Hosted
from lightune.server.limits import Limits
from lightune.server.refusals import Refused, wrong_fields

MOST_LABELS = 10_000
_LIMITS = Limits()
Text = Annotated[str, Field(max_length=_LIMITS.characters)]


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


Asked = TypeVar("Asked", bound=_Asked)


class PredictRequest(_Asked):
    """A text or a list of texts, and by whom they are to be answered."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": ["text"]}, {"required": ["texts"]}]})

    text: Text = Field(default="", description="One text.")
    texts: list[Text] = Field(default=[], min_length=1, max_length=_LIMITS.texts, description="Several texts.")
    models: list[str] = Field(
        default=[],
        min_length=1,
        max_length=_LIMITS.models,
        description="Names of /v1/models; its `defaults` without it.",
        json_schema_extra={"uniqueItems": True},
    )
    top_k: int = Field(default=MOST_LABELS, ge=1, le=MOST_LABELS, description="The most probable labels alone.")
    calibrated: bool = Field(default=False, description="Divide logits by the model's temperature.")

    @property
    def all_texts(self) -> tuple[str, ...]:
        """The texts, however they were given."""
        return (self.text,) if "text" in self.model_fields_set else tuple(self.texts)


class ExplainRequest(_Asked):
    """A text and the model whose answer is to be explained."""

    text: Text
    model: str = Field(default="", description="A name of /v1/models; the first of its `defaults` without it.")
    label: str = Field(default="", description="The label that is explained; the most probable one without it.")


class Answer(BaseModel):
    """One model's answer for one text. probabilities: the most probable label first."""

    label: str
    score: float
    probabilities: dict[str, float]


class PredictResponse(BaseModel):
    """answers: for each text, in order, each model's answer."""

    models: list[str]
    answers: list[dict[str, Answer]]


class ExplainedPiece(BaseModel):
    """A stretch of the text, and the label's probability with it minus that without it."""

    text: str
    change: float


class ExplainResponse(BaseModel):
    """pieces: joined, they are the text."""

    model: str
    label: str
    score: float
    method: Literal["occlusion"]
    pieces: list[ExplainedPiece]


class ModelFacts(BaseModel):
    """A model that can be asked. calibrated: whether it has a temperature. report: the path of its study's report."""

    name: str
    study: str
    arm: str
    kind: str
    base: str | None
    labels: list[str]
    verified: bool
    calibrated: bool
    max_length: int | None
    report: str | None


class LimitFacts(BaseModel):
    """What a request may hold."""

    texts: int
    characters: int
    models: int
    bytes: int


class ModelsResponse(BaseModel):
    """models: in order. defaults: who answers a request that names none."""

    models: list[ModelFacts]
    defaults: list[str]
    limits: LimitFacts


class State(BaseModel):
    """How the server is."""

    status: str


class ErrorFacts(BaseModel):
    """code: for programs. message: what was expected."""

    code: str
    message: str


class ErrorResponse(BaseModel):
    """Why there is no answer."""

    error: ErrorFacts


def predict_request(value: Any, models: Mapping[str, Hosted], defaults: Sequence[str]) -> PredictRequest:
    """Check a body of /v1/predict; `models` is filled in. Raises Refused (422)."""
    for name, most, code in (("texts", _LIMITS.texts, "too_many_texts"), ("models", _LIMITS.models, "too_many_models")):
        if isinstance(value, dict) and isinstance(value.get(name), list) and len(value[name]) > most:
            raise Refused(wrong_fields(code, f"`{name}` is expected to have at most {most}."))
    asked = _validated(PredictRequest, value)
    if ("text" in asked.model_fields_set) == ("texts" in asked.model_fields_set):
        raise Refused(wrong_fields("text_or_texts", "Either `text` or `texts` is expected, not both and not neither."))
    if len(set(asked.models)) < len(asked.models):
        raise Refused(wrong_fields("model_twice", "`models` is expected to name each model once."))
    asked = asked.model_copy(update={"models": asked.models or list(defaults)})
    for name in asked.models:
        check_model(name, models)
        if asked.calibrated and models[name].temperature is None:
            raise Refused(
                wrong_fields("not_calibrated", "`calibrated` is for models that /v1/models calls calibrated.")
            )
    return asked


def explain_request(value: Any, models: Mapping[str, Hosted], defaults: Sequence[str]) -> ExplainRequest:
    """Check a body of /v1/explain; `model` is filled in. Raises Refused (422)."""
    asked = _validated(ExplainRequest, value)
    if "model" not in asked.model_fields_set:
        asked = asked.model_copy(update={"model": defaults[0]})
    check_model(asked.model, models)
    if "label" in asked.model_fields_set and asked.label not in models[asked.model].labels:
        raise Refused(wrong_fields("unknown_label", "`label` is expected to be one of the model's; see /v1/models."))
    return asked


def check_model(name: str, models: Mapping[str, Hosted]) -> None:
    """Raise Refused (422) for a name that no model has."""
    if name not in models:
        raise Refused(wrong_fields("unknown_model", "A model is expected by a name that /v1/models lists."))


def _validated(kind: type[Asked], value: Any) -> Asked:
    if not isinstance(value, dict):
        raise Refused(wrong_fields("wrong_fields", "A JSON object is expected."))
    if not value.keys() <= kind.model_fields.keys():
        known = ", ".join(kind.model_fields)
        raise Refused(wrong_fields("unknown_field", f"These fields are expected and no others: {known}."))
    try:
        return kind.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    name = str(first["loc"][0])  # one of the model's own
    if first["type"] == "string_too_long":
        message = f"A text of at most {_LIMITS.characters:,} characters is expected."
        raise Refused(wrong_fields("text_too_long", message))
    if first["type"] == "missing":
        raise Refused(wrong_fields("missing_field", f"`{name}` is expected."))
    raise Refused(wrong_fields("wrong_fields", f"`{name}`: {_EXPECTED[name]} is expected."))


_EXPECTED = {
    "text": "a string",
    "texts": f"a list of 1 to {_LIMITS.texts} strings",
    "models": f"a list of 1 to {_LIMITS.models} names",
    "top_k": f"a whole number from 1 to {MOST_LABELS:,}",
    "calibrated": "true or false",
    "model": "a name",
    "label": "a label's name",
}
