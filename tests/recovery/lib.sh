# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # what tests/rigs/lib.sh has is used here, and what is here by the stories
# SPDX-License-Identifier: Apache-2.0
# Sourced first by every story of a token that fails while others sign: the rigs, runs of statements, and their judges.
recovery=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$recovery/../rigs/lib.sh"
survive=${SIGBRIDGE_BUILD:-$top/build}/tests/survive
statements=0

# Every statement of the last run is good, by the program that shares no code with ours, and there are enough of them.
all_good() { # WANTED
    local found=("$work"/run/*.cose)
    [ "${#found[@]}" -ge "$1" ] || die "${#found[@]} statements, wanted $1"
    "$python" "$top/tests/interop/check_statement.py" "${found[@]}" --root root.pem --eku "$eku" --subject survive \
        --content-type application/json || die "statements"
    statements=$((statements + ${#found[@]}))
    rm -rf "$work/run"
}

# run_of KEY CERTIFICATE OPTION...: the command line of a run, in $run.
run_of() {
    mkdir -p "$work/run"
    run=("$survive" --key "$1" --cert "$2" --root root.pem --eku "$eku" --pin-file "$work/pin" --out "$work/run" "${@:3}")
}

# The same run with a key of our OpenSSL provider: openssl.cnf that says what the options say elsewhere.
configured() { # MODULE LINE...
    printf '%s\n' 'openssl_conf = init' '[init]' 'providers = providers' '[providers]' 'sigbridge = ours' '[ours]' \
        "module = ${SIGBRIDGE_BUILD:-$top/build}/lib/ossl-modules/sigbridge.so" "module-path = $1" \
        "pin-source = $work/pin" "${@:2}" 'activate = 1' >provider.cnf
}

# A run that makes its events itself.
survives() { # KEY CERTIFICATE OPTION...
    run_of "$@"
    "${run[@]}" || die "${run[*]}"
}

# A run whose events are made here, by the function HAPPENS; its exit status in $status.
plays_when() { # HAPPENS KEY CERTIFICATE OPTION...
    local happens=$1 word rest
    : >said
    run_of "${@:2}" --event outside
    coproc "${run[@]}" 2>"$work/run.log" # modules talk a lot when they are troubled
    local from to pid=$COPROC_PID
    exec {from}<&"${COPROC[0]}" {to}>&"${COPROC[1]}" # bash takes its own back when the process ends
    while read -r word rest <&"$from"; do
        if [ "$word" = event ]; then "$happens" && echo over >&"$to"; else echo "$word $rest" | tee -a said; fi
    done
    exec {from}<&- {to}>&-
    status=0
    wait "$pid" || status=$?
}

survives_when() { # HAPPENS KEY CERTIFICATE OPTION...
    plays_when "$@"
    [ "$status" -eq 0 ] || die "exit $status: ${run[*]} $(tail -n 5 "$work/run.log")"
}

# Every thread of the last run was refused with this code and in these words; what was made before is good.
all_refused() { # NAME WORDS
    grep -q "^refused 4 $1 .*$2" said || die "wanted four refusals: $1 ... $2"
    [ "$(grep -c '^refused' said)" -eq 1 ] || die "refusals of several kinds"
    all_good 1
}
