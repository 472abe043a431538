#!/usr/bin/env bash
# Makes the database's standby its primary, and measures until the api is ready again. Needs a standby (multi_az), and
# TANDEM_URL. Nothing that was committed is lost; jobs that ran without a heartbeat for a lease start again.
#
#   TANDEM_URL=https://jobs.example.com drills/fail-over-database.sh --name tandem-prod --run --yes-production

# shellcheck source=drills/drill.sh
source "$(dirname "${BASH_SOURCE[0]}")/drill.sh"
begin "$@"
url="$(setting TANDEM_URL 'the address of the api')"

# Asks every second, for four minutes or until half a minute after the outage, and tells how long it was.
measure_outage() {
  local most="$1" first='' last='' outage=0
  printf '# each second, until it has been ready again for 30 s:\n'
  show curl "$url/ready"
  while [[ "$LIVE" == yes ]] && ((SECONDS - CLOCK < 240)); do
    if [[ "$(status_of "$url/ready")" != 200 ]]; then
      first="${first:-$SECONDS}"
      last=$SECONDS
    elif [[ -n "$last" ]] && ((SECONDS - last > 30)); then
      break
    fi
    sleep 1
  done
  if [[ -n "$last" ]]; then
    outage=$((last - first + 1))
  fi
  if ((outage > most)); then
    MISSED=$((MISSED + 1))
    printf '# MISSED: not ready for %s s, expected at most %s s\n' "$outage" "$most"
  elif [[ "$LIVE" == yes ]]; then
    printf '# measured: not ready for %s s, expected at most %s s\n' "$outage" "$most"
  fi
}

standby='' zone=''
expect "not ready for 60 to 120 s; ready within 5 s of the database"
look standby '<True>' aws rds describe-db-instances --db-instance-identifier "$NAME" \
  --query 'DBInstances[0].MultiAZ' --output text
[[ "$standby" != False ]] || refuse "$NAME has no standby to fail over to"
look zone '<zone>' aws rds describe-db-instances --db-instance-identifier "$NAME" \
  --query 'DBInstances[0].AvailabilityZone' --output text
printf '# its primary is in %s\n' "$zone"
start_clock
change aws rds reboot-db-instance --db-instance-identifier "$NAME" --force-failover
measure_outage 120
until_says 'RDS calls it available' 600 available aws rds describe-db-instances --db-instance-identifier "$NAME" \
  --query 'DBInstances[0].DBInstanceStatus' --output text
finish
