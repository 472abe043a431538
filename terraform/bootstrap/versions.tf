terraform {
  required_version = ">= 1.11, < 2.0"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "5.100.0"
    }
  }
}

# The state of this root begins as a file, because the bucket that it would be in is made here; README.md says how it moves.

provider "aws" {
  region            = var.region
  s3_use_path_style = var.s3_use_path_style

  default_tags {
    tags = merge(
      { Project = var.project, Service = "bootstrap", ManagedBy = "terraform" },
      var.tags,
    )
  }
}
