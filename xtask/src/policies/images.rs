//! A tag names one image for ever, so that what was tested is what runs; and images are looked through when they come.

use super::Planned;

pub(super) fn complaints(planned: &Planned) -> Vec<String> {
    let mut complaints = Vec::new();
    for repository in planned.of_kind("aws_ecr_repository") {
        if repository.text("image_tag_mutability") != Some("IMMUTABLE") {
            complaints.push(format!("{} must not let tags move", repository.address));
        }
        if repository.values["encryption_configuration"][0]["encryption_type"].is_null() {
            complaints.push(format!(
                "{} must say how images are encrypted",
                repository.address
            ));
        }
    }
    complaints
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::planned;
    use super::*;

    #[test]
    fn tags_that_move_and_images_in_the_clear_are_refused() {
        let address = "ecr[0].aws_ecr_repository.this[\"tandem/api\"]";
        let good = json!({"image_tag_mutability": "IMMUTABLE", "encryption_configuration": [{"encryption_type": "AES256"}]});
        assert_eq!(complaints(&planned("dev", &[(address, good)])), [""; 0]);
        let bad = json!({"image_tag_mutability": "MUTABLE", "encryption_configuration": []});
        assert_eq!(complaints(&planned("dev", &[(address, bad)])).len(), 2);
    }
}
