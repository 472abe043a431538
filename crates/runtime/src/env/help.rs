//! Settings as people read them.

use std::fmt::Write as _;

use super::Setting;

/// The settings as a table for `--help`: name, default, meaning.
#[must_use]
pub fn help(settings: &[&Setting]) -> String {
    let defaults: Vec<String> = settings.iter().map(|setting| default_column(setting)).collect();
    let name_width = settings
        .iter()
        .map(|setting| setting.name.len())
        .max()
        .unwrap_or(0);
    let default_width = defaults.iter().map(String::len).max().unwrap_or(0);
    let mut table = String::new();
    for (setting, default) in settings.iter().zip(defaults) {
        let (name, meaning, range) = (setting.name, setting.meaning, range_sentence(setting));
        writeln!(
            table,
            "  {name:name_width$}  {default:default_width$}  {meaning}{range}"
        )
        .expect("a String takes any text");
    }
    table
}

fn default_column(setting: &Setting) -> String {
    match setting.default_text() {
        Some(text) => format!("default {text}"),
        None if setting.is_required() => "required".to_owned(),
        None => "optional".to_owned(),
    }
}

fn range_sentence(setting: &Setting) -> String {
    let unit = setting.unit().map(|unit| format!(" {unit}")).unwrap_or_default();
    setting
        .bounds()
        .map(|(least, most)| format!(" From {least} to {most}{unit}."))
        .unwrap_or_default()
}

/// Names that look like a slip of the pen for a setting of ours: one warning each.
///
/// Only near misses are told, because an environment that several processes share also has settings that this
/// one doesn't know. `names` are the variables of the environment.
pub fn likely_typos<N: AsRef<str>>(settings: &[&Setting], names: impl IntoIterator<Item = N>) -> Vec<String> {
    let mut warnings: Vec<String> = names
        .into_iter()
        .filter(|name| name.as_ref().starts_with("TANDEM_"))
        .filter(|name| settings.iter().all(|setting| setting.name != name.as_ref()))
        .filter_map(|name| warning(settings, name.as_ref()))
        .collect();
    warnings.sort();
    warnings
}

fn warning(settings: &[&Setting], name: &str) -> Option<String> {
    const NEAR: usize = 2;
    let distance = |setting: &Setting| strsim::damerau_levenshtein(setting.name, name);
    let nearest = settings.iter().min_by_key(|setting| distance(setting))?;
    (distance(nearest) <= NEAR).then(|| format!("{name} is no setting; did you mean {}?", nearest.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADDR: Setting = Setting::required("TANDEM_ADDR", "Where it listens.");
    const LEASE: Setting =
        Setting::with_default("TANDEM_LEASE_SECS", "30", "How long a lease lasts.").range(5, 3600);
    const CA: Setting = Setting::optional("TANDEM_CA", "More authorities.");

    #[test]
    fn the_table_is_aligned_and_complete() {
        assert_eq!(
            help(&[&ADDR, &LEASE, &CA]),
            concat!(
                "  TANDEM_ADDR        required    Where it listens.\n",
                "  TANDEM_LEASE_SECS  default 30  How long a lease lasts. From 5 to 3600 seconds.\n",
                "  TANDEM_CA          optional    More authorities.\n",
            )
        );
    }

    #[test]
    fn only_near_misses_are_warned_about() {
        let names = [
            "TANDEM_LAESE_SECS",
            "TANDEM_ADDR",
            "TANDEM_WORKER_SLOTS",
            "HOME",
            "TANDEM_ADR",
        ];
        assert_eq!(
            likely_typos(&[&ADDR, &LEASE], names),
            [
                "TANDEM_ADR is no setting; did you mean TANDEM_ADDR?",
                "TANDEM_LAESE_SECS is no setting; did you mean TANDEM_LEASE_SECS?",
            ]
        );
    }
}
