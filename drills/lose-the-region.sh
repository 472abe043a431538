#!/usr/bin/env bash
# Looks whether everything that is needed to start in the second region is there, and how old it is; then makes the database
# out of the copied backups, measures how long that takes, and deletes it again. Nothing in the first region is touched.
#
#   drills/lose-the-region.sh --name tandem-prod --second-region eu-central-1 --release 0.1.0 --run --yes-production
#
# --second-region a region (eu-central-1); --release the version that runs, whose images are asked for as a task would;
# --registry the account that has them, if it is another one; --prefix of the images' names (tandem);
# --subnet-group of RDS in that region (default), where the copy may be

# shellcheck source=drills/drill.sh
source "$(dirname "${BASH_SOURCE[0]}")/drill.sh"
begin "$@"
second="$(option --second-region eu-central-1)"
prefix="$(option --prefix tandem)"
subnets="$(option --subnet-group default)"
release="$(option --release '<version>')"
registry="$(option --registry '')"
[[ "$LIVE" == no || "$release" != '<version>' ]] || refuse "--release must be the version that runs, such as 0.1.0"
copy="$NAME-drill"

backup='' newest='' version='' digest='' snapshot=''
expect "the copied backups are at most 1 hour old; the database is there within 60 minutes, all of it within 120"
look backup '<ARN of the automated backup>' aws rds describe-db-instance-automated-backups --region "$second" \
  --query "DBInstanceAutomatedBackups[?DBInstanceIdentifier=='$NAME'] | [0].DBInstanceAutomatedBackupsArn" --output text
look newest '<time>' aws rds describe-db-instance-automated-backups --region "$second" \
  --query "DBInstanceAutomatedBackups[?DBInstanceIdentifier=='$NAME'] | [0].RestoreWindow.LatestTime" --output text
printf '# it can be restored to %s; it is %s\n' "$newest" "$(date --utc +%FT%TZ)"
for secret in pepper database/api database/worker; do
  look version '<version>' aws secretsmanager describe-secret --region "$second" --secret-id "$NAME/$secret" \
    --query 'Name' --output text
done
for program in api worker; do
  look digest '<digest>' aws ecr batch-get-image --region "$second" ${registry:+--registry-id "$registry"} \
    --repository-name "$prefix/$program" --image-ids "imageTag=v$release" \
    --query 'images[0].imageId.imageDigest' --output text
done
look snapshot '<time>' aws backup list-recovery-points-by-backup-vault --region "$second" \
  --backup-vault-name "$NAME-copies" --query 'RecoveryPoints[0].CreationDate' --output text
printf '# a snapshot in the vault is of %s; an image is %s; the last secret is %s\n' "$snapshot" "$digest" "$version"
start_clock
change aws rds restore-db-instance-to-point-in-time --region "$second" \
  --source-db-instance-automated-backups-arn "$backup" --target-db-instance-identifier "$copy" \
  --use-latest-restorable-time --db-subnet-group-name "$subnets" --no-multi-az --no-publicly-accessible \
  --no-deletion-protection --tags Key=Environment,Value=drill
until_says 'the copy is available' 3600 available aws rds describe-db-instances --region "$second" \
  --db-instance-identifier "$copy" --query 'DBInstances[0].DBInstanceStatus' --output text
change aws rds delete-db-instance --region "$second" --db-instance-identifier "$copy" --skip-final-snapshot \
  --delete-automated-backups
finish
