#compdef serf
# Completion of serf for zsh, made by 'serf completion zsh'. The program itself says what fits.
_serf() {
	local entry program=${(Q)words[1]}
	local -a found open open_shown closed closed_shown
	program=${~program}
	found=("${(@f)$("$program" __complete "-word=${(Q)PREFIX}" "${(@Q)words[2,CURRENT-1]}" 2>/dev/null)}")
	for entry in $found; do
		case $entry in
		:files)
			compset -P '*='
			_files
			return
			;;
		*=$'\t'*)
			open+=("${entry%%$'\t'*}")
			open_shown+=("${entry/$'\t'/  -- }")
			;;
		*)
			closed+=("${entry%%$'\t'*}")
			closed_shown+=("${entry/$'\t'/  -- }")
			;;
		esac
	done
	(( $#open )) && compadd -l -S '' -d open_shown -a open
	(( $#closed )) && compadd -l -d closed_shown -a closed
}
if [[ $funcstack[1] = _serf ]]; then
	_serf "$@"
else
	compdef _serf serf
fi
