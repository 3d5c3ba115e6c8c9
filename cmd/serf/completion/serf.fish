# Completion of serf for fish, made by 'serf completion fish'. The program itself says what fits.
function __serf_complete
    set -l words (commandline -opc)
    set -l current (string unescape -- (commandline -ct))
    set -l program (string replace -r '^~' $HOME -- $words[1])
    set -e words[1]
    for entry in ($program __complete "-word=$current" $words 2>/dev/null)
        if test "$entry" = :files
            set -l option (string match -r '^-[^=]*=' -- $current)
            for file in (__fish_complete_path (string replace -r '^-[^=]*=' '' -- $current))
                echo $option$file
            end
        else
            echo $entry
        end
    end
end
complete -c serf -f -a '(__serf_complete)'
