# Completion of serf for bash, made by 'serf completion bash'. The program itself says what fits.
_serf() {
	local line=${COMP_LINE:0:COMP_POINT} program=${COMP_WORDS[0]/#\~/$HOME}
	local word=${line##*[[:space:]]} head='' reply text
	# Bash replaces only what follows the last of these characters in the word.
	case $word in *[=:]*) head=${word%"${word##*[=:]}"} ;; esac
	case $COMP_WORDBREAKS in *=*:* | *:*=*) ;; *) head='' ;; esac
	COMPREPLY=()
	while IFS=$'\t' read -r reply text; do
		case $reply in
		:files)
			compopt -o filenames 2>/dev/null
			while IFS= read -r reply; do COMPREPLY+=("$reply"); done < <(compgen -f -- "${word#*=}")
			continue
			;;
		*=) compopt -o nospace 2>/dev/null ;;
		esac
		printf -v reply %q "${reply#"$head"}"
		COMPREPLY+=("$reply")
	done < <("$program" __complete "-line=$line" 2>/dev/null)
}
complete -F _serf serf
