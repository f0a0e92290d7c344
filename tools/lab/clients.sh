# SPDX-License-Identifier: GPL-2.0-only
# Parts clients and all-clients of tools/lab/test: the cases of tools/lab/clients/list, each in
# a lab of its own.
# shellcheck shell=bash disable=SC2034,SC2154

# client_case KERNEL CASE [NAME=VALUE...]
client_case()
{
	local name="clients $1: ${*:2}" log rc=0

	log="client-${*}.log"
	log=${log// /-}
	step "$log" tools/lab/client --system "${modules%-npt?}" --kernel "$@" || rc=$?
	point $rc "$name"
	[ $rc = 0 ] || tail -n 150 "$logs/$log" | comment
}

# test_client_list LENGTH...: the cases of that length
test_client_list()
{
	local length k rest words

	for k in "${kernels[@]}"; do
		[ "$modules" != umbra ] ||
			check "clients: the module for $k" step "client-module-$k.log" tools/lab/kbuild "$k" W=1
	done
	while read -r length k rest; do
		case " ${kernels[*]} " in *" $k "*) ;; *) continue ;; esac
		read -ra words <<<"${rest%%#*}"
		if [ "$length" = not ]; then
			[ $# = 1 ] || skip "clients $k: ${words[*]} (${rest#*# })"
		elif [[ " $* " = *" $length "* ]]; then
			client_case "$k" "${words[@]}" </dev/null
		fi
	done <"$lab_dir/clients/list"
}

# test_kvm_selftests VERSION [OPTION...] [TEST...]: on the kernel of that version
test_kvm_selftests()
{
	local k=$1 log=$logs/kvm-selftests-$1 rc=0 system=${modules%-npt?}

	shift
	case " ${kernels[*]} " in *" $k "*) ;; *) return 0 ;; esac
	say "kvm-selftests --tests $k $*"
	tools/lab/kvm-selftests --tests "$k" --system "$system" --log "$log.log" "$@" >"$log.tap" 2>"$log.err" \
		</dev/null || rc=$?
	nested "kvm-selftests $k" "$log.tap" $rc
	[ $rc = 0 ] || comment <"$log.err"
}

test_clients()
{
	test_client_list short
}

test_all-clients()
{
	test_client_list short long
	test_kvm_selftests 6.1
	test_kvm_selftests 6.12
}
