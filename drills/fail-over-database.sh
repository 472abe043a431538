#!/usr/bin/env bash
# Makes the database's standby its primary, and measures until the api is ready again. Needs a standby (multi_az), and
# TANDEM_URL. Nothing that was committed is lost; jobs that ran without a heartbeat for a lease start again.
#
#   TANDEM_URL=https://jobs.example.com drills/fail-over-database.sh --name tandem-prod --run --yes-production

# shellcheck source=drills/drill.sh
source "$(dirname "${BASH_SOURCE[0]}")/drill.sh"
begin "$@"
url="$(setting TANDEM_URL 'the address of the api')"

standby='' zone=''
expect "not ready for 60 to 120 s, with 503 and never a hang; ready within 5 s of the database"
look standby '<True>' aws rds describe-db-instances --db-instance-identifier "$NAME" \
  --query 'DBInstances[0].MultiAZ' --output text
[[ "$standby" != False ]] || refuse "$NAME has no standby to fail over to"
look zone '<zone>' aws rds describe-db-instances --db-instance-identifier "$NAME" \
  --query 'DBInstances[0].AvailabilityZone' --output text
printf '# its primary is in %s\n' "$zone"
start_clock
change aws rds reboot-db-instance --db-instance-identifier "$NAME" --force-failover
until_says 'the api notices' 90 503 status_of "$url/ready"
until_says 'the api is ready again' 180 200 status_of "$url/ready"
until_says 'RDS calls it available' 600 available aws rds describe-db-instances --db-instance-identifier "$NAME" \
  --query 'DBInstances[0].DBInstanceStatus' --output text
finish
