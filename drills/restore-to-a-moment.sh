#!/usr/bin/env bash
# Restores the database as it was at a moment, beside the one that runs and without touching it, measures how long that takes,
# and deletes it again. The real thing exchanges the two: docs/disaster-recovery.md, "Wrong data".
#
#   drills/restore-to-a-moment.sh --name tandem-staging --run
#   drills/restore-to-a-moment.sh --name tandem-staging --time 2026-11-26T12:00:00Z --run
#
# --time a moment (the latest possible one); --keep yes leaves the copy, for a look into it (no)

# shellcheck source=drills/drill.sh
source "$(dirname "${BASH_SOURCE[0]}")/drill.sh"
begin "$@"
moment="$(option --time latest)"
keep="$(option --keep no)"
copy="$NAME-drill"
if [[ "$moment" == latest ]]; then
  when=(--use-latest-restorable-time)
else
  when=(--restore-time "$moment")
fi

restorable='' subnets='' group='' class='' parameters=''
expect "at most 5 minutes are lost; the copy is there within 20 to 60 minutes"
look restorable '<time>' aws rds describe-db-instances --db-instance-identifier "$NAME" \
  --query 'DBInstances[0].LatestRestorableTime' --output text
printf '# it can be restored to %s; it is %s\n' "$restorable" "$(date --utc +%FT%TZ)"
look subnets '<subnet group>' aws rds describe-db-instances --db-instance-identifier "$NAME" \
  --query 'DBInstances[0].DBSubnetGroup.DBSubnetGroupName' --output text
look group '<security group>' aws rds describe-db-instances --db-instance-identifier "$NAME" \
  --query 'DBInstances[0].VpcSecurityGroups[0].VpcSecurityGroupId' --output text
look class '<class>' aws rds describe-db-instances --db-instance-identifier "$NAME" \
  --query 'DBInstances[0].DBInstanceClass' --output text
look parameters '<parameter group>' aws rds describe-db-instances --db-instance-identifier "$NAME" \
  --query 'DBInstances[0].DBParameterGroups[0].DBParameterGroupName' --output text
start_clock
change aws rds restore-db-instance-to-point-in-time --source-db-instance-identifier "$NAME" \
  --target-db-instance-identifier "$copy" "${when[@]}" --db-subnet-group-name "$subnets" \
  --vpc-security-group-ids "$group" --db-instance-class "$class" --no-multi-az --no-publicly-accessible \
  --db-parameter-group-name "$parameters" --no-deletion-protection --tags Key=Environment,Value=drill
until_says 'the copy is available' 3600 available aws rds describe-db-instances --db-instance-identifier "$copy" \
  --query 'DBInstances[0].DBInstanceStatus' --output text
if [[ "$keep" == no ]]; then
  change aws rds delete-db-instance --db-instance-identifier "$copy" --skip-final-snapshot --delete-automated-backups
else
  printf '# %s stays, and costs as much as the other one: delete it when you have seen it\n' "$copy"
fi
finish
