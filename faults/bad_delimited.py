"""CSV and TSV files, odd and broken, and what is to become of each."""

from __future__ import annotations

from faults.cases import CSV, HUGE, PLAIN, Case, bytes_of, refused, with_texts, xy

DELIMITED = (
    Case("ragged-short.csv", bytes_of(CSV + "alone\nmore,good\n"), refused("line 6", "1 values", "2 columns")),
    Case("ragged-long.csv", bytes_of(CSV + "a, b,good\n"), refused("line 6", "3 values")),
    Case("ragged.tsv", bytes_of("text\tlabel\na\tx\nb\n"), refused("line 3", "1 values")),
    Case("unclosed.csv", bytes_of(CSV + '"never ends,good\nmore,bad\n'), refused("line 6", "never closed")),
    Case("after-quote.csv", bytes_of(CSV + '"a"b,good\n'), refused("line 6", "closing quote")),
    Case(
        "quotes.csv",
        bytes_of('text,label\n"a ""b"" c",x\nd "e" f,y\n"g\nh",x\n"i\r\nj",y\n'),
        xy('a "b" c', 'd "e" f', "g\nh", "i\r\nj"),
    ),
    Case(
        "bare-quotes.tsv",
        bytes_of('text\tlabel\n"a\tx\nb"\ty\n"c"d\tx\n5" disk\ty\n'),
        xy('"a', 'b"', '"c"d', '5" disk'),
    ),
    Case("single-quotes.csv", bytes_of("text,label\n'a',x\n'it''s',y\nb,x\nc,y\n"), xy("'a'", "'it''s'", "b", "c")),
    Case("backslashes.csv", bytes_of('text,label\na\\,x\n"b\\n",y\n\\N,x\nc,y\n'), xy("a\\", "b\\n", "\\N", "c")),
    Case("blanks.csv", bytes_of('text,label\n a ,x\n\tb,y\n" ",x\n\u3000c,y\n'), xy(" a ", "\tb", " ", "\u3000c")),
    Case("cr.csv", bytes_of(CSV.replace("\n", "\r")), PLAIN),
    Case("mixed-ends.csv", bytes_of("text,label\r\na,x\nb,y\rc,x\r\nd,y"), xy(*"abcd")),
    Case(
        "other-ends.csv",
        bytes_of("text,label\na\u2028b,x\nc\x85d,y\ne\x0bf,x\ng\x1eh,y\n"),
        xy("a\u2028b", "c\x85d", "e\x0bf", "g\x1eh"),
    ),
    Case("blank-lines.csv", bytes_of(CSV.replace("\n", "\n\n")), PLAIN),
    Case("empty-text.csv", bytes_of('text,label\n,x\n"",y\nb,x\nc,y\n'), xy("", "", "b", "c")),
    Case("empty.csv", bytes_of(b""), refused("empty")),
    Case("only-blanks.csv", bytes_of(" \n\r\n\t\n"), refused("empty")),
    Case("only-a-mark.csv", bytes_of(b"\xef\xbb\xbf"), refused("empty")),
    Case("header-only.csv", bytes_of("text,label\n"), refused("no rows", "'text'")),
    Case(
        "same-names.csv", bytes_of(CSV.replace("text,label", "text,text", 1)), refused("more than one column", "'text'")
    ),
    Case(
        "blank-name.csv",
        bytes_of(",text,label\n0,a,x\n1,b,y\n2,c,x\n3,d,y\n"),
        {"unnamed_1": (*"0123",), **xy(*"abcd")},
    ),
    Case("semicolons.csv", bytes_of("text;label\na;x\nb;y\n"), refused("separated")),
    Case(
        "missing-words.csv",
        bytes_of("text,label\nNA,null\nnull,None\nNone,null\nnan,None\n"),
        with_texts("NA", "null", "None", "nan", labels=("null", "None", "null", "None")),
    ),
    Case(
        "leading-zeros.csv",
        bytes_of("text,label\n007,001\n1e3,1\n0x1F,001\n1_000,1\n"),
        with_texts("007", "1e3", "0x1F", "1_000", labels=("001", "1", "001", "1")),
    ),
    Case(
        "dates.csv",
        bytes_of("text,label\n2024-01-01,true\n01/02/03,True\n12:30,true\n2024-01-01T00:00:00Z,True\n"),
        with_texts("2024-01-01", "01/02/03", "12:30", "2024-01-01T00:00:00Z", labels=("true", "True", "true", "True")),
    ),
    Case(
        "no-label.csv",
        bytes_of("text,label\na,x\nb,\nc,x\nd,y\n"),
        refused("no label", "line 3"),
        with_texts(*"abcd", labels=("x", "", "x", "y")),
    ),
    Case("huge-cell.csv", bytes_of(f'text,label\n"{HUGE}",x\nb,y\nc,x\nd,y\n'), xy(HUGE, *"bcd")),
    Case(
        "many-columns.csv",
        bytes_of(
            "text,label,"
            + ",".join(f"c{at}" for at in range(5000))
            + "\n"
            + "".join(f"{text},{label}" + ",v" * 5000 + "\n" for text, label in zip("abcd", "xyxy", strict=True))
        ),
        {**xy(*"abcd"), **{f"c{at}": ("v",) * 4 for at in range(5000)}},
    ),
    Case(
        "wide-then-ragged.csv",
        bytes_of("text,label" + ",c" * 0 + "\n" + "a,x\n" * 20_000 + "b,y,z\n"),
        refused("line 20002", "3 values"),
    ),
    Case("formulas.csv", bytes_of("text,label\n=1+1,x\n@SUM(A1),y\n-2,x\n+3,y\n"), xy("=1+1", "@SUM(A1)", "-2", "+3")),
)
