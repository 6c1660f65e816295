complete --keep-order --exclusive --command mcpr --arguments "(MCPR_COMPLETE=fish mcpr -- (commandline --current-process --tokenize --cut-at-cursor) (commandline --current-token))"
