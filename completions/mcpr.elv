set edit:completion:arg-completer[mcpr] = { |@words|
    var index = (count $words)
    set index = (- $index 1)

    put (env _CLAP_IFS="\n" _CLAP_COMPLETE_INDEX=(to-string $index) MCPR_COMPLETE="elvish" mcpr -- $@words) | to-lines
}
