# shellcheck shell=bash
# What all drills share: their options, what they would do and do, and the clock. It is read by them, not run.
#
# Without --run nothing is called: each command is printed as it would be, with <…> in place of what is not known before.
# With it, each is printed and run; what is waited for is timed, and compared with what is expected.

set -euo pipefail

NAME="${NAME:-}"
LIVE=no
MISSED=0
OPTIONS=()

# Reads the options that all have, into NAME and LIVE; those of its own are left in OPTIONS.
begin() {
  local is_production_meant=no
  while (($# > 0)); do
    case "$1" in
      --name)
        NAME="${2:?--name needs the prefix of the environment, such as tandem-staging}"
        shift
        ;;
      --run) LIVE=yes ;;
      --dry-run) LIVE=no ;;
      --yes-production) is_production_meant=yes ;;
      --help | -h) usage ;;
      *) OPTIONS+=("$1") ;;
    esac
    shift
  done
  [[ -n "$NAME" ]] || refuse "which environment? Say --name tandem-staging, or set NAME"
  [[ "$NAME" =~ ^[a-z][a-z0-9-]{1,18}[a-z0-9]$ ]] || refuse "--name must be 3 to 20 lower-case letters, digits and hyphens"
  if [[ "$NAME" == *prod* && "$LIVE" == yes && "$is_production_meant" == no ]]; then
    refuse "$NAME is production: say --yes-production as well, once somebody else knows"
  fi
  if [[ "$LIVE" == yes ]]; then
    printf '# %s, for real\n' "$NAME"
  else
    printf '# %s, dry: nothing is called. --run does it.\n' "$NAME"
  fi
}

# Prints the comment at the head of the drill.
usage() {
  sed -n '2,/^$/{s/^# \{0,1\}//p}' "$0"
  printf 'Options: --name NAME (or NAME), --dry-run (unless told otherwise), --run, --yes-production, and those above.\n'
  exit 0
}

refuse() {
  printf 'error: %s\n' "$1" >&2
  exit 2
}

# The value after an option of the drill's own, or a default.
option() {
  local index
  for index in "${!OPTIONS[@]}"; do
    if [[ "${OPTIONS[$index]}" == "$1" ]]; then
      printf '%s' "${OPTIONS[$((index + 1))]:-}"
      return
    fi
  done
  printf '%s' "$2"
}

# A setting that a drill can't do without when it is live; a placeholder when it is dry.
setting() {
  local value="${!1:-}"
  if [[ -z "$value" && "$LIVE" == yes ]]; then
    refuse "$1 must be set: $2"
  fi
  printf '%s' "${value:-<$1>}"
}

show() {
  local word line='+'
  for word in "$@"; do
    if [[ "$word" == *[^A-Za-z0-9_./:,=@-]* ]]; then
      line+=" ${word@Q}"
    else
      line+=" $word"
    fi
  done
  printf '%s\n' "$line"
}

# Changes something.
change() {
  show "$@"
  if [[ "$LIVE" == yes ]]; then
    "$@" >/dev/null
  fi
}

# Looks something up into a variable; dry, that has a placeholder.
look() {
  local variable="$1" placeholder="$2" found
  shift 2
  show "$@"
  if [[ "$LIVE" == no ]]; then
    printf -v "$variable" '%s' "$placeholder"
    return
  fi
  found="$("$@")"
  [[ -n "$found" && "$found" != None ]] || refuse "there is nothing to be seen by: $*"
  printf -v "$variable" '%s' "$found"
}

# Tells what should come out, for whoever reads along.
expect() {
  printf '# expected: %s\n' "$1"
}

# Waits until a command says something, and compares the seconds since `start_clock` with those that are expected, or
# DRILL_PATIENCE times as many, for a machine that is busy with other things. Asks every second, and gives up after five
# times as long.
until_says() {
  local what="$1" within=$(($2 * ${DRILL_PATIENCE:-1})) wanted="$3" took
  shift 3
  printf '# until %s, expected within %s s, "%s" by:\n' "$what" "$within" "$wanted"
  show "$@"
  if [[ "$LIVE" == no ]]; then
    return
  fi
  until [[ "$("$@" 2>/dev/null || true)" == "$wanted" ]]; do
    took=$((SECONDS - CLOCK))
    if ((took > 5 * within)); then
      printf '# MISSED: %s, not after %s s\n' "$what" "$took"
      MISSED=$((MISSED + 1))
      return
    fi
    sleep 1
  done
  took=$((SECONDS - CLOCK))
  if ((took > within)); then
    printf '# MISSED: %s after %s s, expected within %s s\n' "$what" "$took" "$within"
    MISSED=$((MISSED + 1))
  else
    printf '# measured: %s after %s s, expected within %s s\n' "$what" "$took" "$within"
  fi
}

start_clock() {
  CLOCK=$SECONDS
}

# The status that the api answers a path with; 000 when nobody answers.
status_of() {
  curl --silent --output /dev/null --max-time $((3 * ${DRILL_PATIENCE:-1})) --write-out '%{http_code}' "$@" || true
}

finish() {
  if ((MISSED > 0)); then
    printf '# %s figures were not met. Write them down, with the date, and why.\n' "$MISSED"
    exit 1
  fi
  printf '# done\n'
}
