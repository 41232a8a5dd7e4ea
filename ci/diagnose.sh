#!/usr/bin/env bash
# What the GitHub Action runs: a diagnosis as JSON and Markdown, compared with a baseline where one is given.
# Its inputs are environment variables: CHECKPOINT, and DATA, DENSITIES, FAIL_ON, BASELINE, POINTS, ARGUMENTS, STUDY;
# OUTPUT is the beginning of the files it writes. Exit codes are those of diagnose; 1 also where it prunes worse.
set -uo pipefail

study=${STUDY:-prunescope-study}
json=${OUTPUT:-prunescope}.json
markdown=${OUTPUT:-prunescope}.md
changes=${OUTPUT:-prunescope}-changes.md
words=("$CHECKPOINT" --density "${DENSITIES:-0.1,0.3}" --study "$study" --json --markdown "$markdown")
[[ -n ${DATA:-} ]] && words+=(--data "$DATA")
for verdict in ${FAIL_ON:-}; do words+=(--fail-on "$verdict"); done
read -ra more <<<"${ARGUMENTS:-}"

status=0
prunescope diagnose "${words[@]}" ${more[@]+"${more[@]}"} >"$json" || status=$?
if [[ -n ${BASELINE:-} && -s $json && ($status -le 1 || $status -eq 4) ]]; then
    compared=0
    prunescope diff "$BASELINE" "$json" --points "${POINTS:-1}" --fail-on worse --markdown "$changes" || compared=$?
    ((compared != 0)) && status=$compared
fi
if [[ -n ${GITHUB_STEP_SUMMARY:-} ]]; then
    for file in "$changes" "$markdown"; do [[ -f $file ]] && cat "$file" >>"$GITHUB_STEP_SUMMARY"; done
fi
[[ -n ${GITHUB_OUTPUT:-} ]] && printf 'json=%s\nmarkdown=%s\n' "$json" "$markdown" >>"$GITHUB_OUTPUT"
exit "$status"
