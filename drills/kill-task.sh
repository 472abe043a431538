#!/usr/bin/env bash
# Kills one task of a service, and measures until as many run as before. Its jobs start again within 35 s (P5).
#
#   drills/kill-task.sh --name tandem-staging --service worker --run
#
# --service api or worker (worker)

# shellcheck source=drills/drill.sh
source "$(dirname "${BASH_SOURCE[0]}")/drill.sh"
begin "$@"
service="$(option --service worker)"
[[ "$service" == api || "$service" == worker ]] || refuse "--service must be api or worker"

wanted='' task=''
expect "another task runs within 3 minutes; with two or more tasks no request fails and no job is lost"
look wanted '<count>' aws ecs describe-services --cluster "$NAME" --services "$service" \
  --query 'services[0].desiredCount' --output text
look task '<task>' aws ecs list-tasks --cluster "$NAME" --service-name "$service" --desired-status RUNNING \
  --query 'taskArns[0]' --output text
start_clock
change aws ecs stop-task --cluster "$NAME" --task "$task" --reason 'drill: kill-task'
until_says 'the task is gone' 150 STOPPED aws ecs describe-tasks --cluster "$NAME" --tasks "$task" \
  --query 'tasks[0].lastStatus' --output text
until_says 'as many tasks run as before' 180 "$wanted" aws ecs describe-services --cluster "$NAME" --services "$service" \
  --query 'services[0].runningCount' --output text
finish
