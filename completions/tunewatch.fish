# Completion of tunewatch for fish: what it offers, tunewatch itself knows.
function __tunewatch_complete
    set -l words (commandline -opc)
    set -l word (commandline -ct)
    for line in ($words[1] __complete $words[2..-1] "$word" 2>/dev/null)
        if test "$line" = :files
            __fish_complete_path (string replace -r -- '^--[^=]*=' '' "$word")
        else
            echo $line
        end
    end
end
complete -c tunewatch -f -a '(__tunewatch_complete)'
