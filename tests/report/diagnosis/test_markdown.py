from prunescope.report.diagnosis.markdown import diagnosis_markdown


def test_what_to_do_next_is_a_sentence_above_its_command(report):
    lines = diagnosis_markdown(report).splitlines()
    places = [number for number, line in enumerate(lines) if line.startswith("Next: ")]
    assert len(places) == len(report.commands) > 0
    for place in places:
        assert lines[place].endswith(".")
        assert lines[place + 1] == ""
        assert lines[place + 2].startswith("```")
