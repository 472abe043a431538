//! Values that a module's variables must refuse, with the sentence that they say then: `tests/refusals.json`, a list of
//! `{"variables": {…}, "refused": "…"}`. The variables replace those of `tests/valid.tfvars.json`, which are accepted.
//!
//! Only the files of variables are planned, in a folder of their own: that needs no provider, so a case takes a tenth
//! of a second. A validation can therefore refer to other variables and to locals beside them, and to nothing else.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value};

use super::program::Terraform;
use super::{Look, declared, events};

/// Values that are refused.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    /// Those that differ from the valid ones; null takes one away.
    pub variables: Map<String, Value>,
    /// What is said to them.
    pub refused: String,
}

impl Refusal {
    /// Reads a list of them.
    ///
    /// # Errors
    ///
    /// When it has another form.
    pub fn list(text: &str) -> Result<Vec<Self>> {
        let cases: Vec<Value> = serde_json::from_str(text).context("must be a list")?;
        cases.iter().map(Self::read).collect()
    }

    fn read(case: &Value) -> Result<Self> {
        match (case["variables"].as_object(), case["refused"].as_str()) {
            (Some(variables), Some(refused)) if case.as_object().is_some_and(|case| case.len() == 2) => {
                Ok(Self {
                    variables: variables.clone(),
                    refused: refused.to_owned(),
                })
            }
            _ => bail!("each case must have variables and refused, which {case} has not"),
        }
    }
}

/// Tries all cases of a folder, and the valid values before; and finds validations without a case.
pub(super) fn looks(
    terraform: &Terraform<'_>,
    folder: &Path,
    files: &BTreeMap<PathBuf, String>,
) -> Result<Vec<Look>> {
    let sentences = declared::sentences(files);
    let cases = match fs::read_to_string(folder.join("tests/refusals.json")) {
        Ok(text) => {
            Refusal::list(&text).with_context(|| format!("{}/tests/refusals.json", folder.display()))?
        }
        Err(_) => Vec::new(),
    };
    let untried: Vec<String> = sentences
        .iter()
        .filter(|sentence| !cases.iter().any(|case| says(&case.refused, sentence)))
        .map(|sentence| format!("no case in tests/refusals.json is refused by: {sentence}"))
        .collect();
    let mut looks = vec![Look::at("validations have cases", untried)];
    if cases.is_empty() {
        return Ok(looks);
    }
    let valid = folder.join("tests/valid.tfvars.json");
    let valid = fs::read_to_string(&valid).with_context(|| format!("could not read {}", valid.display()))?;
    let valid: Map<String, Value> =
        serde_json::from_str(&valid).context("valid.tfvars.json must be an object")?;
    let scratch = Scratch::make(terraform, folder, files)?;
    looks.push(Look::at("accepts valid values", scratch.complaints(&valid)?));
    for case in &cases {
        let mut values = valid.clone();
        values.extend(case.variables.clone());
        values.retain(|_, value| !value.is_null());
        let said = scratch.complaints(&values)?;
        let given = Value::Object(case.variables.clone());
        looks.push(Look::at(format!("refuses {given}"), verdict(case, &said)));
    }
    Ok(looks)
}

/// What is wrong with what was said to a case: that sentence must be among it, and no variable be misspelt.
fn verdict(case: &Refusal, said: &[String]) -> Vec<String> {
    let misspelt = said.iter().filter(|it| it.contains("undeclared variable"));
    if said.iter().any(|it| it.contains(&case.refused)) {
        return misspelt.cloned().collect();
    }
    let said = if said.is_empty() {
        "nothing".to_owned()
    } else {
        said.join("\n")
    };
    vec![format!("expected: {}\nbut it says: {said}", case.refused)]
}

/// Whether this can be the sentence of a validation, which may have expressions in it.
fn says(refused: &str, sentence: &str) -> bool {
    let mut rest = refused;
    sentence
        .split("${")
        .enumerate()
        .map(|(index, piece)| {
            if index == 0 {
                piece
            } else {
                piece.split_once('}').map_or("", |(_, literal)| literal)
            }
        })
        .all(|literal| {
            let found = rest.split_once(literal);
            rest = found.map_or(rest, |(_, after)| after);
            found.is_some()
        })
}

/// A folder with a module's variables and nothing else.
struct Scratch<'a> {
    terraform: &'a Terraform<'a>,
    folder: PathBuf,
}

impl<'a> Scratch<'a> {
    fn make(terraform: &'a Terraform<'a>, of: &Path, files: &BTreeMap<PathBuf, String>) -> Result<Self> {
        let name = of.file_name().unwrap_or_default().to_string_lossy();
        let folder = terraform.scratch(&format!("refusals/{name}"));
        if folder.exists() {
            fs::remove_dir_all(&folder).with_context(|| format!("could not remove {}", folder.display()))?;
        }
        fs::create_dir_all(&folder).with_context(|| format!("could not create {}", folder.display()))?;
        // A root has its values beside it, and Terraform reads them by itself.
        let values = of.join("terraform.tfvars");
        let values = fs::read_to_string(&values).ok().map(|text| (values, text));
        let variables = files
            .iter()
            .filter(|(path, _)| declared::has_variables_only(path));
        for (path, text) in variables.chain(values.iter().map(|(path, text)| (path, text))) {
            let copy = folder.join(path.file_name().unwrap_or_default());
            fs::write(&copy, text).with_context(|| format!("could not write {}", copy.display()))?;
        }
        Ok(Self { terraform, folder })
    }

    /// What is said to these values; nothing when they are accepted.
    fn complaints(&self, values: &Map<String, Value>) -> Result<Vec<String>> {
        let file = self.folder.join("case.tfvars.json");
        fs::write(&file, serde_json::to_string(values)?)
            .with_context(|| format!("could not write {}", file.display()))?;
        let output = self.terraform.plan(&self.folder, &file)?;
        let told = events::diagnostics(&String::from_utf8_lossy(&output.stdout));
        let mut said: Vec<String> = told.iter().map(ToString::to_string).collect();
        if !output.status.success() && said.is_empty() {
            said.push(String::from_utf8_lossy(&output.stderr).trim().to_owned());
        }
        Ok(said)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_has_values_and_a_sentence_and_nothing_else() {
        let cases = Refusal::list(r#"[{"variables": {"a": 1}, "refused": "No."}]"#).unwrap();
        assert_eq!(cases[0].refused, "No.");
        assert_eq!(cases[0].variables["a"], 1);
        for wrong in [
            r#"[{"variables": {}}]"#,
            r#"[{"variables": {}, "refused": "No.", "x": 1}]"#,
            "{}",
        ] {
            Refusal::list(wrong).unwrap_err();
        }
    }

    #[test]
    fn a_sentence_with_expressions_is_recognised() {
        let sentence = "min must be at most max (${var.max}), and ${length(var.a)} is not.";
        assert!(says("min must be at most max (3), and 4 is not.", sentence));
        assert!(!says("min must be at most max.", sentence));
        assert!(says("plain.", "plain."));
        assert!(!says("plain", "plain."));
    }

    #[test]
    fn another_sentence_or_none_is_a_complaint_and_so_is_a_variable_that_is_not_there() {
        let case = Refusal {
            variables: Map::new(),
            refused: "a must be short.".to_owned(),
        };
        let verdict = |said: &[&str]| {
            let said: Vec<String> = said.iter().map(|&it| it.to_owned()).collect();
            verdict(&case, &said)
        };
        assert_eq!(verdict(&["Invalid: a must be short.\n\nChecked."]), [""; 0]);
        assert!(verdict(&[])[0].contains("but it says: nothing"));
        assert!(verdict(&["Invalid: b."])[0].contains("but it says: Invalid: b."));
        assert_eq!(
            verdict(&["a must be short.", "Value for undeclared variable: x"]).len(),
            1
        );
    }
}
