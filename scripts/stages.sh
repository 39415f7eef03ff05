# Times the stages of a run. Source it, then: stage "what it is" COMMAND…
#
# The script that sources it first prints all stages at its end, those of the scripts that it calls included, also when
# one of them failed. The script that sources it gives what has to be cleaned up at its end to at_end.
stages_begin=$SECONDS
stages_cleanup=()
if [ -z "${DROVER_STAGES:-}" ]; then
    DROVER_STAGES=$(mktemp)
    export DROVER_STAGES
    stages_owner=yes
fi
trap 'stages_end $?' EXIT

# at_end COMMAND: runs it when the script ends, however it ends.
at_end() { stages_cleanup+=("$1"); }

# stage NAME COMMAND…: the exit code is the command's; 75 stands for a system that cannot be had.
stage() {
    local name=$1 begin=$SECONDS code=0
    shift
    "$@" || code=$?
    printf '%d\t%d\t%s\n' "$((SECONDS - begin))" "$code" "$name" >>"$DROVER_STAGES"
    return "$code"
}

stages_end() {
    local seconds code name command
    for command in "${stages_cleanup[@]}"; do eval "$command"; done
    if [ "${stages_owner:-}" = yes ]; then
        echo "stages:"
        while IFS=$'\t' read -r seconds code name; do
            case "$code" in 0) code= ;; 75) code=' (not run)' ;; *) code=" (failed: $code)" ;; esac
            printf '  %5d s  %s%s\n' "$seconds" "$name" "$code"
        done <"$DROVER_STAGES"
        printf '  %5d s  in all\n' "$((SECONDS - stages_begin))"
        rm -f "$DROVER_STAGES"
    fi
    exit "$1"
}
