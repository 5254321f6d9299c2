# Completion of tunewatch for bash: what it offers, tunewatch itself knows.
_tunewatch() {
	local line
	COMPREPLY=()
	while IFS= read -r line; do
		case $line in
		:files)
			compopt -o filenames 2>/dev/null
			while IFS= read -r line; do
				COMPREPLY+=("$line")
			done < <(compgen -f -- "${COMP_WORDS[COMP_CWORD]#=}")
			;;
		*)
			line=${line%%$'\t'*}
			# bash replaces what stands behind the last "=" only.
			[[ $line == --*=* ]] && line=${line#*=}
			COMPREPLY+=("$line")
			;;
		esac
	done < <("$1" __complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -F _tunewatch tunewatch
