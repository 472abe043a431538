#!/usr/bin/env bash
# Makes a key, exchanges it as one does after a leak, and measures until the old one is refused. Needs the program tandem,
# curl and jq, TANDEM_URL, and TANDEM_API_KEY with the scope admin; the key of the drill may only read.
#
#   drills/rotate-a-key.sh --name tandem-staging --run

# shellcheck source=drills/drill.sh
source "$(dirname "${BASH_SOURCE[0]}")/drill.sh"
begin "$@"
url="$(setting TANDEM_URL 'the address of the api')"
setting TANDEM_API_KEY 'a key with the scope admin' >/dev/null

# Asks for a job list with the key that is in the named variable, so that no key is printed or in a list of processes.
status_with() {
  printf 'X-API-Key: %s\n' "${!1}" | status_of --header @- "$url/api/jobs?limit=1"
}

# Makes a key, or one in its place, and keeps what only this answer has.
make() {
  local variable="$1" answer
  shift
  look answer '<the key>' "$@"
  if [[ "$LIVE" == yes ]]; then
    printf -v "$variable" '%s' "$(jq --raw-output .api_key <<<"$answer")"
  else
    printf -v "$variable" '%s' 'tdm_env_id_secret'
  fi
}

old='' new=''
expect "both keys work until the old one is revoked; then it is refused within 5 s, by every task"
make old tandem keys create --name drill --scopes jobs:read --expires-in 1h --json
id="$(cut -d _ -f 3 <<<"$old")"
start_clock
until_says 'the key works' 5 200 status_with old
make new tandem keys rotate "$id" --overlap 10m --json
start_clock
until_says 'the new key works' 5 200 status_with new
until_says 'the old key works yet' 5 200 status_with old
start_clock
change tandem keys revoke "$id"
until_says 'the old key is refused' 5 401 status_with old
until_says 'the new key works on' 10 200 status_with new
change tandem keys revoke "$(cut -d _ -f 3 <<<"$new")"
finish
