"""The soak of kills, in a short form; and that it speaks where bytes differ."""

from __future__ import annotations

import pytest

from soak import kills


@pytest.mark.full
def test_the_short_command_passes_and_says_what_it_did(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(kills, "ENDINGS", (".csv",))
    monkeypatch.setattr(kills, "zip", lambda *given, strict: [(".csv", 20)], raising=False)
    assert kills.main(["--short"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("kills: ")
    assert said.count("\n") == 1


@pytest.mark.full
def test_an_output_that_differs_is_seen(tmp_path, monkeypatch):
    artefact = kills.save_in_child(tmp_path / "tfidf", None)
    plain = kills.run_in_child

    def altered(request, kill_after=None):
        code = plain(request, kill_after)
        if code == 0 and request.resume:
            request.target.write_bytes(request.target.read_bytes() + b"\n")
        return code

    monkeypatch.setattr(kills, "run_in_child", altered)
    found = kills.kill_often("few", artefact, tmp_path, ".csv", rows=100, kills=1, seed=0, windows=10)
    assert not found.same
    assert "NOT the same" in str(found)
