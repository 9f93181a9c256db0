# Stopping a running migration.

button-abort = ⏹ Stop { $number }
button-abort-vm = ⏹ Stop { $vm }
abort-question-first = Stop the migration of { $vm }? The VM should stay on { $source }. Nobody knows what every panel does then. Press again within { $seconds } s.
abort-question-last = Really stop the migration of { $vm }? The panel is asked at once. Press a third time within { $seconds } s.
abort-off = Stopping migrations is off: ALLOW_ABORT=true allows it.
abort-noted = Noted. Another person has to press Stop for { $vm } as well, within 10 minutes.
abort-same-person = You have asked to stop { $vm } already. Another person has to ask as well.
abort-already = { $who } has already asked the panel to stop { $vm }.
abort-over = The migration of { $vm } is over.
abort-first-runs = The first stop on this panel is still being watched. Wait until it is over.
abort-no-task = The panel does not name the task of { $vm } yet. Try again in a moment.
abort-unseen = Nothing was sent: the panel cannot be asked about { $vm } now ({ $problem }).
abort-accepted = The panel was asked to stop { $vm }. The message says where the VM is afterwards.
abort-refused = The panel refuses to stop { $vm }: { $problem } The migration goes on.
abort-unclear = The panel’s answer about { $vm } was lost. The request is not sent again; the migration is watched.
abort-line-noted = ⏹ { $who } wants { $vm } stopped; another person has to agree
abort-line-sent = ⏹ { $who } asked the panel to stop { $vm }
abort-line-refused = ⏹ { $who } wanted { $vm } stopped, the panel refused: { $problem }
terminal-abort-confirm = Type yes to go on:
terminal-abort-none = No running migration matches { $vm }, or several do: give the id of the VM.
terminal-abort-declined = Nothing was stopped.
