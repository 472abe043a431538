#!/usr/bin/env bash
# Pauses a lane, submits jobs to it that call the api's own /health, empties its queue in SQS, resumes it, and measures until all of them have ended: no state
# is in a queue. Needs the program tandem, TANDEM_URL, and TANDEM_API_KEY with the scopes jobs:read, jobs:write and ops.
#
#   drills/purge-a-queue.sh --name tandem-staging --lane low --run
#
# --lane a lane (low); --jobs how many (100)

# shellcheck source=drills/drill.sh
source "$(dirname "${BASH_SOURCE[0]}")/drill.sh"
begin "$@"
lane="$(option --lane low)"
jobs="$(option --jobs 100)"
tag="drill-$(date --utc +%s)"
url="$(setting TANDEM_URL 'the address of the api')"
setting TANDEM_API_KEY 'a key with the scopes jobs:read, jobs:write and ops' >/dev/null

# How many of the drill's jobs have ended well.
succeeded() {
  tandem jobs list --tag "$tag" --state succeeded --limit "$jobs" --json | jq length
}

queue=''
expect "all $jobs jobs succeed within 90 s of the purge, although nobody announces them any more"
look queue '<queue URL>' aws sqs get-queue-url --queue-name "$NAME-$lane" --query QueueUrl --output text
change tandem queues pause "$lane" --reason 'drill: purge-a-queue'
# Whatever happens from here on, the lane does not stay paused.
trap 'change tandem queues resume "$lane"' EXIT
for ((job = 0; job < jobs; job++)); do
  if ((job < 2)) || [[ "$LIVE" == yes ]]; then
    change tandem jobs submit http.request --queue "$lane" --tag "$tag" \
      --payload "{\"method\": \"GET\", \"url\": \"$url/health\"}"
  elif ((job == 2)); then
    printf '# … %s times in all\n' "$jobs"
  fi
done
start_clock
change aws sqs purge-queue --queue-url "$queue"
trap - EXIT
change tandem queues resume "$lane"
until_says 'all of them have succeeded' 90 "$jobs" succeeded
finish
