# Completion of serf for PowerShell, made by 'serf completion powershell'. The program itself says
# what fits.
Register-ArgumentCompleter -Native -CommandName 'serf', 'serf.exe' -ScriptBlock {
    param($word, $ast, $cursor)
    $program = $ast.CommandElements[0].Value
    $length = [Math]::Max(0, $cursor - $ast.Extent.StartOffset)
    $line = $ast.Extent.Text.PadRight($length).Substring(0, $length) -replace '"', "'"
    & $program __complete "-line=$line" 2>$null | ForEach-Object {
        if ($_ -eq ':files') {
            $option = ''
            if ("$word" -match '^-[^=]*=') { $option = $Matches[0] }
            [System.Management.Automation.CompletionCompleters]::CompleteFilename("$word".Substring($option.Length)) |
                ForEach-Object {
                    [System.Management.Automation.CompletionResult]::new(
                        $option + $_.CompletionText, $_.ListItemText, $_.ResultType, $_.ToolTip)
                }
            return
        }
        $reply, $text = $_ -split "`t", 2
        $quoted = $reply
        if ($reply -notmatch '^[\w.=:/-]+$') { $quoted = "'" + ($reply -replace "'", "''") + "'" }
        if (-not $text) { $text = $reply }
        [System.Management.Automation.CompletionResult]::new($quoted, $reply, 'ParameterValue', $text)
    }
}
