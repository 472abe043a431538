//! What a command prints. A reader that goes away (`| head`) is no error.

mod layout;

use std::fmt::Display;
use std::io::{self, IsTerminal as _, Write as _};

use chrono::{DateTime, SecondsFormat, TimeZone};
use comfy_table::{Table, presets};
use serde::Serialize;
use serde_json::value::RawValue;

/// One line of the answer, on standard output.
pub(crate) fn line(text: &str) {
    raw(format!("{text}\n").as_bytes());
}

/// The answer as it is, on standard output.
pub(crate) fn raw(bytes: &[u8]) {
    drop(io::stdout().lock().write_all(bytes));
}

/// One line for the person, on standard error.
pub(crate) fn note(text: &str) {
    drop(writeln!(io::stderr().lock(), "{text}"));
}

/// The answer as JSON: indented for a person, on one line for a pipe. Texts and numbers stay as they are written.
pub(crate) fn json(value: &impl Serialize) {
    let text = serde_json::to_string(value).expect("a JSON value is always writable");
    line(&if io::stdout().is_terminal() {
        layout::indented(&text)
    } else {
        layout::on_one_line(&text)
    });
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

/// A time in a table.
pub(crate) fn time<Z: TimeZone<Offset: Copy + Display>>(time: DateTime<Z>) -> String {
    time.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

/// What may be absent in a table: nothing, then.
pub(crate) fn optional(value: Option<impl Display>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}

/// A time in a table that may be absent.
pub(crate) fn optional_time<Z: TimeZone<Offset: Copy + Display>>(value: Option<DateTime<Z>>) -> String {
    optional(value.map(time))
}

/// JSON in a line for a person: a text without quotes, and `None` for `null`.
pub(crate) fn plain(json: &RawValue) -> Option<String> {
    match json.get() {
        "null" => None,
        text => Some(serde_json::from_str(text).unwrap_or_else(|_| layout::on_one_line(text))),
    }
}
