//! What a command prints. A reader that goes away is no error.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::Path;

use comfy_table::{Table, presets};
use serde::Serialize;

use crate::failure::Failure;

/// One line of the answer, on standard output.
pub(crate) fn line(text: &str) {
    drop(writeln!(io::stdout().lock(), "{text}"));
}

/// One line for the person, on standard error.
pub(crate) fn note(text: &str) {
    drop(writeln!(io::stderr().lock(), "{text}"));
}

/// The answer as JSON on one line.
pub(crate) fn json(value: &impl Serialize) {
    line(&serde_json::to_string(value).expect("what is told has only text keys"));
}

/// Adds lines to the file that `--output` names.
pub(crate) fn append(path: &Path, lines: &[String]) -> Result<(), Failure> {
    let file = OpenOptions::new().create(true).append(true).open(path);
    file.and_then(|mut file| writeln!(file, "{}", lines.join("\n")))
        .map_err(|error| Failure::failed(format!("--output {}: {error}", path.display())))
}

/// The answer as a table without lines, which `awk` reads as well as people do.
pub(crate) fn table<const N: usize>(header: [&str; N], rows: impl IntoIterator<Item = [String; N]>) {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header);
    table.add_rows(rows);
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    for row in table.to_string().lines() {
        line(row.trim_end());
    }
}
