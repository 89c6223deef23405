"""Files of texts: found, read, sent in turn, and written again."""

from __future__ import annotations

import csv
import io

import pytest

from lightune.data import find_text_column, read_table
from lightune.data.readers import read_bytes
from lightune.errors import DataError

from .lexicon import Lexicon
from .test_answers import HOSTILE

pytestmark = pytest.mark.full


def choose(page, name, text, encoding="utf-8"):
    page.get_by_role("button", name="Predict").wait_for()
    page.set_input_files("#file", {"name": name, "mimeType": "text/csv", "buffer": text.encode(encoding)})


def written(page):
    """The rows of what the page lets download."""
    with page.expect_download() as download:
        page.get_by_role("button", name="Download as CSV").click()
    assert download.value.suggested_filename == "answers.csv"
    return list(csv.reader(io.StringIO(download.value.path().read_text(encoding="utf-8"), newline="")))


def test_a_file_is_asked_in_turn_and_comes_back_with_answers(sites, visits):
    host = Lexicon()
    visit = visits(sites(host).address)
    page = visit.page
    texts = [f'Film {number},\n"not" good' if number % 2 else f"Film {number} é 😀" for number in range(70)]
    file = io.StringIO()
    csv.writer(file).writerows([["id", "review", "stars"], *([str(n), text, "3"] for n, text in enumerate(texts))])
    choose(page, "films.csv", "\ufeff" + file.getvalue())
    page.get_by_text("films.csv: 70 rows.").wait_for()
    assert page.get_by_label("Column of texts").input_value() == "1"
    host.texts.clear()
    page.get_by_role("button", name="Predict 70 texts").click()
    page.get_by_text("70 texts answered. 35 rows changed.").wait_for()
    assert set(host.texts) == set(texts)
    assert len([url for url in visit.requests if url.endswith("/v1/predict")]) == 3
    assert page.locator("#rows > tr").count() == 50
    page.get_by_role("button", name="Show more").click()
    assert page.locator("#rows > tr").count() == 70
    header, *rows = written(page)
    assert header == [
        *("id", "review", "stars"),
        *("lora_label", "lora_score", "lora_p_negative", "lora_p_positive"),
        *("pretrained_label", "pretrained_score", "pretrained_p_negative", "pretrained_p_positive"),
        "changed",
    ]
    assert [row[1] for row in rows] == texts
    assert [row[-1] for row in rows] == ["no", "yes"] * 35
    assert rows[1][3] == "negative"
    assert float(rows[1][4]) == float(rows[1][5]) == pytest.approx(0.7310586)


def test_no_cell_becomes_a_formula(films):
    page = films.page
    evil = ["=1+1", "+A1", "-A1", "@SUM(A1)", "\t=1", "＝1"]
    file = io.StringIO()
    csv.writer(file).writerows([["text", "=evil", "score"], *([text, text, "-5.5"] for text in evil)])
    choose(page, "evil.csv", file.getvalue())
    page.get_by_role("button", name="Predict 6 texts").click()
    films.wait_for_all("6 texts")
    header, *rows = written(page)
    assert header[1] == "'=evil"
    assert [row[:3] for row in rows] == [[f"'{text}", f"'{text}", "-5.5"] for text in evil]


def test_what_was_typed_comes_back_too(films):
    films.predict("good\nbad", 2)
    header, *rows = written(films.page)
    assert header[0] == "text"
    assert [row[0] for row in rows] == ["good", "bad"]


def test_a_column_that_has_the_answers_name_is_kept(films):
    choose(films.page, "again.csv", "text,lora_label\ngood,mine\n")
    films.page.get_by_role("button", name="Predict 1 text").click()
    films.wait_for_all("1 text")
    header, row = written(films.page)
    assert dict(zip(header, row, strict=True))["lora_label"] == "mine"
    assert dict(zip(header, row, strict=True))["predicted_lora_label"] == "positive"


def test_a_file_can_be_dropped(films):
    page = films.page
    data = page.evaluate_handle(
        """() => {
            const data = new DataTransfer();
            data.items.add(new File(["text\\ngood\\n"], "dropped.csv"));
            return data;
        }"""
    )
    page.dispatch_event("#texts", "dragover", {"dataTransfer": data})
    page.dispatch_event("#texts", "drop", {"dataTransfer": data})
    page.get_by_text("dropped.csv: 1 row.").wait_for()
    assert page.get_by_label("A CSV file").is_checked()
    assert page.locator("#file-rows li").all_inner_texts() == ["good"]


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("films.xlsx", "PK", "films.xlsx: a file that ends in .csv or .tsv is expected."),
        ("films.csv", "text\ncafé\n", "films.csv is not text in UTF-8."),
        ("films.csv", 'text\n"open', "the quote that opens on line 2 is never closed."),
        ("films.csv", "text,stars\ngood\n", "films.csv, line 2: 1 values where the header names 2 columns."),
    ],
)
def test_a_file_that_cannot_be_read_says_why_in_its_place(films, name, text, says):
    choose(films.page, name, text, "latin-1")
    films.page.locator("#file-fault", has_text=says).wait_for()
    films.page.get_by_role("button", name="Predict").click()
    assert films.page.get_by_role("status").inner_text() == "Choose a file first."


def test_where_no_column_is_known_the_user_chooses(films):
    page = films.page
    choose(page, "odd.csv", "a,b\nx,y\nz,good\n")
    page.get_by_text("Several columns could hold the texts, or none: choose one.").wait_for()
    page.get_by_role("button", name="Predict").click()
    assert page.get_by_role("status").inner_text() == "Choose the column that holds the texts."
    page.get_by_label("Column of texts").select_option("b")
    assert page.locator("#file-rows li").all_inner_texts() == ["y", "good"]
    page.get_by_role("button", name="Predict 2 texts").click()
    films.wait_for_all("2 texts")


def test_names_of_columns_run_nothing(films):
    page = films.page
    file = io.StringIO()
    csv.writer(file).writerows([HOSTILE, HOSTILE])
    choose(page, HOSTILE[0].replace("/", "") + ".csv", file.getvalue())
    page.locator("#file-shown:visible").wait_for()
    page.get_by_label("Column of texts").select_option(HOSTILE[1])
    page.get_by_role("button", name="Predict 1 text").click()
    films.wait_for_all("1 text")
    assert page.evaluate("window.fired") is None
    header, _ = written(page)
    assert header[: len(HOSTILE)] == HOSTILE


def test_texts_that_no_request_may_hold_are_left_out_and_say_why(films):
    page = films.page
    file = "text\ngood\n" + "x" * 50_001 + "\n" + "😀" * 50_000 + "\nbad\n"
    choose(page, "long.csv", file)
    page.get_by_role("button", name="Predict 4 texts").click()
    films.wait_for_all("3 texts")
    assert films.cell(1, "pretrained") == "Longer than 50,000 characters: not asked."
    assert films.cell(2, "pretrained").startswith("negative 50.0 %")
    assert page.locator("#summary .fault").inner_text() == "1 text could not be asked; the row says why."
    page.locator("#rows .text").nth(1).evaluate("text => { window.shown = text.textContent.length }")
    assert page.evaluate("window.shown") < 300
    page.get_by_role("button", name="Show all of it").first.click()
    assert len(page.locator("#rows .text").nth(1).text_content()) == 50_001
    page.get_by_label("All of it is one text").check()
    page.get_by_role("textbox", name="Texts").evaluate("area => { area.value = 'half \\ud83d' }")
    page.get_by_role("button", name="Predict").click()
    page.get_by_text("It holds half a character").wait_for()


def test_requests_stay_below_the_servers_bytes(films):
    """A line of these takes 400 kB in a request, and two million bytes are its most."""
    choose(films.page, "heavy.csv", "text\n" + ("\x01" * 50_000 + "\n") * 12)
    films.page.get_by_role("button", name="Predict 12 texts").click()
    films.wait_for_all("12 texts")
    assert len([url for url in films.requests if url.endswith("/v1/predict")]) == 2


FILES = [
    "text\na\n",
    "text,b\r\na,1\r\n\r\nc,2",
    '"te""xt",b\n"a\n""b""\r\n",\n',
    "\n\ntext\na\n\nb\n\n\n",
    'text\n""\na\n""\n',
    "text,b\na,1,2\n",
    "text,b\n\na\n",
    'text,b\n"a" ,b\n',
    'text,b\na"b,c"d\n',
    "text,text\na,b\n",
    "a,,\n1,2,3\n",
    "text\n",
    "\n",
    "text\ra\rb\r",
    "text,b\n,\n",
    "text,b\nNA, 001\n",
]


@pytest.mark.parametrize("ending", [".csv", ".tsv"])
def test_files_are_read_as_the_program_reads_them(films, ending):
    for text in FILES:
        text = text.replace(",", "\t") if ending == ".tsv" else text
        try:
            table = read_bytes(f"f{ending}", text.encode())
            expected = [list(table.columns), *map(list, zip(*table.columns.values(), strict=True))]
        except DataError:
            expected = None
        found = films.page.evaluate(
            """async ([name, text]) => {
                const {readFile, Unreadable} = await import("/static/csv.js");
                try {
                    const {header, rows} = await readFile(new File([text], name));
                    return [header, ...rows];
                } catch (error) {
                    if (!(error instanceof Unreadable)) throw error;
                    return null;
                }
            }""",
            [f"f{ending}", text],
        )
        assert found == expected, text


PROSE = ["I saw it twice and liked it", "Nothing happens for two hours"]
COLUMNS = [
    {"Review": PROSE, "text": PROSE},
    {"comment": ["a", "b"], "Body": ["c", "d"]},
    {"id": ["1", "2"], "said": PROSE},
    {"said": PROSE, "heard": PROSE},
    {"label": PROSE, "said": PROSE},
    {"premise": PROSE, "hypothesis": PROSE, "text": PROSE},
    {"whatever": ["1", "2"]},
    {"same": [PROSE[0]] * 3, "id": ["1", "2", "3"]},
    {"said": ["", *PROSE], "x": ["", "", ""]},
    {"said": ["😀" * 12, "😁" * 12], "x": ["1", "2"]},
    *({name: ["a", "b"], "other": ["c", "d"]} for name in ("tweet", "QUERY", "description", "input", "polarity")),
]


def test_the_text_column_is_found_as_the_program_finds_it(films, tmp_path):
    for columns in COLUMNS:
        path = tmp_path / "f.csv"
        rows = [list(columns), *map(list, zip(*columns.values(), strict=True))]
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows(rows)
        try:
            expected = list(columns).index(find_text_column(read_table(path)))
        except DataError:
            expected = None
        found = films.page.evaluate(
            """async ([header, ...rows]) => (await import("/static/csv.js")).findTextColumn({header, rows})""", rows
        )
        assert found == expected, columns


def test_the_known_names_are_the_programs(films):
    from importlib.resources import files

    from lightune.data import columns

    script = files("lightune.server").joinpath("page", "csv.js").read_text(encoding="utf-8")
    for name in ("TEXT_NAMES", "LABEL_NAMES", "PAIRS"):
        body = script.split(f"const {name} = ")[1].split(";")[0]
        assert eval(body) == [list(one) if name == "PAIRS" else one for one in getattr(columns, name)]
