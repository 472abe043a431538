//! The checks of `cargo xtask tidy`, over this repository.

#[test]
fn the_repository_is_tidy() {
    let complaints = xtask::tidy::complaints(xtask::root()).expect("the repository can be read");
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}
