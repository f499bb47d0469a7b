"""The paper: numbers from the tables, sentences that follow the verdicts, a PDF by typst."""
