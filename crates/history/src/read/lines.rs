//! Files of JSON Lines, one line at a time.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::Path;

use serde::Deserialize;

use super::ReadError;
use crate::history::Flaw;

/// The files of a folder, and what was wrong with those that were read.
pub(super) struct Lines<'a> {
    folder: &'a Path,
    pub(super) flaws: Vec<Flaw>,
    pub(super) truncated: Vec<&'static str>,
}

impl<'a> Lines<'a> {
    pub(super) fn new(folder: &'a Path) -> Self {
        Self {
            folder,
            flaws: Vec::new(),
            truncated: Vec::new(),
        }
    }

    /// Hands each line of a file on. One that is not taken is a flaw, unless it is a last line without an end: its
    /// writer was killed.
    pub(super) fn read(
        &mut self,
        file: &'static str,
        mut take: impl FnMut(&str) -> Result<(), String>,
    ) -> Result<(), ReadError> {
        let path = self.folder.join(file);
        let error = |source| ReadError::Io {
            path: path.clone(),
            source,
        };
        let mut reader = BufReader::new(File::open(&path).map_err(error)?);
        let mut bytes = Vec::new();
        for line in 1.. {
            bytes.clear();
            if reader.read_until(b'\n', &mut bytes).map_err(error)? == 0 {
                break;
            }
            let taken = str::from_utf8(&bytes)
                .map_err(|error| error.to_string())
                .and_then(&mut take);
            match taken {
                Ok(()) => {}
                Err(_) if !bytes.ends_with(b"\n") => self.truncated.push(file),
                Err(problem) => self.flaws.push(Flaw { file, line, problem }),
            }
        }
        Ok(())
    }
}

/// Reads one JSON value.
pub(super) fn parse<'a, T: Deserialize<'a>>(json: &'a str) -> Result<T, String> {
    serde_json::from_str(json).map_err(|error| error.to_string())
}
