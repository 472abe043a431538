mock_provider "aws" {
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::111122223333:role/tandem-test-database-monitoring" }
  }
}

variables {
  identifier     = "tandem-test"
  vpc_id         = "vpc-0a1b2c3d"
  subnet_ids     = ["subnet-0a", "subnet-0b"]
  allowed_sg_ids = { api = "sg-0a1b", worker = "sg-0c2d" }
}

run "it_can_be_made_out_of_backups" {
  variables {
    restore = { automated_backups_arn = "arn:aws:rds:eu-west-1:111122223333:auto-backup:ab-0", time = "2026-11-26T12:00:00Z" }
  }
  assert {
    condition = (
      one(aws_db_instance.this.restore_to_point_in_time).source_db_instance_automated_backups_arn == var.restore.automated_backups_arn
      && one(aws_db_instance.this.restore_to_point_in_time).restore_time == "2026-11-26T12:00:00Z"
      && aws_db_instance.this.manage_master_user_password
    )
    error_message = "The instance must be restored as it was then, with a password of its own."
  }
}

run "where_it_came_from_may_be_forgotten" {
  command = plan

  assert {
    condition     = one(aws_db_instance.this.restore_to_point_in_time).restore_time == "2026-11-26T12:00:00Z"
    error_message = "Forgetting the variable may not replace the database."
  }
}
