"""What playbooks imply: the tasks of each client, made and cancelled by one statement; the playbooks that ship."""
