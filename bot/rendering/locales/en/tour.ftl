# The first steps in the chat, the language, and what is said when a command is unknown.
tour-welcome =
    👋 <b>VM Balancer</b> watches your VMmanager clusters. When a node is overloaded, it proposes live migrations here. Nothing moves before somebody approves, unless you switch to automatic mode.

    Try the buttons below: the cluster overview, and what would be moved now.
tour-proposal =
    📋 <b>A proposal</b> shows which node is overloaded and which VMs should move where. Details show why and with what effect:

    <b>1. web-7</b> (2 vCPU, 4 GiB)
    node-3 → node-5
    node-3: CPU 8.1 → 6.9
tour-decide =
    👆 <b>You decide</b> with the buttons. <b>Approve</b> starts the move at once, after one more check of the panel; <b>Skip</b> leaves the VM alone for a while. <b>More</b> offers: another time, another node, skip for a day, why this move.

    The message then shows the progress of the migration and its result.
tour-look =
    🔎 <b>At any time</b>
    /status – cluster overview
    /exclude – exclude a node for a while
    /pause – stop everything
    /help – all commands

    In a private chat, send the name of a node or VM to open its card.
tour-page = <i>{ $page } of { $pages }</i>
menu-language = Language of this chat
language-now = { $language ->
    [auto] 🌐 I use the language of your Telegram, or the language of the settings.
    [ru] 🌐 I speak Russian here.
   *[en] 🌐 I speak English here.
}
language-auto = Automatic
language-usage = I do not speak { $text }. Choose: { $known }
unknown-near = Did you mean: { $commands }

button-status = 📊 Status
button-dry-run = 🔎 Dry run
button-back = ‹ Back
button-node = 🖥 Node
button-include = ✅ Include
button-exclude = ⛔ Exclude
row-include = ✅ Include { $node }
exclude-pick = ⛔ <b>Which node</b> should be excluded? Most loaded first.
exclude-how = ⛔ <b>{ $node }</b>: how should it be excluded?
exclude-for = ⛔ Exclude <b>{ $node }</b> as { $role }: for how long?
row-exclude-both = ⛔ Gives and takes no VM
row-exclude-target = ⛔ Takes no VM
row-exclude-source = ⛔ Gives no VM away
length-open = No end
