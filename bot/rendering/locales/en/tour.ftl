# The first steps in the chat, the language, and help for what nobody understands.
tour-welcome =
    👋 <b>VM Balancer</b> watches your VMmanager clusters. When a node is overloaded, it proposes live migrations here. Nothing moves before somebody approves, unless you switch to automatic mode.

    Two buttons below show it at once: how the clusters are, and what would be moved now.
tour-proposal =
    📋 <b>A proposal</b> says which node is overloaded and, for each move, which VM goes where, why this one, what it costs and what it brings:

    <b>1. web-7</b> (2 vCPU, 4 GiB)
    node-3 → node-5
    node-3: CPU 8.1 → 6.9
tour-decide =
    👆 <b>You decide</b> with the buttons under it. <b>Approve</b> starts the move at once, after one more look at the panel; <b>Skip</b> leaves the VM alone for a while. <b>More</b> has the rest: at another time, to another node, leave it for a day, why this move.

    The message then shows how far the migration is, and how it ended.
tour-look =
    🔎 <b>Whenever you like</b>
    /status – how the clusters are, node by node
    /exclude – take a node out for a while
    /pause – stop everything
    /help – everything else

    The name of a node or of a VM, sent to me alone, opens its card.
tour-page = <i>{ $page } of { $pages }</i>
menu-language = Language of this chat
language-now = { $language ->
    [auto] 🌐 I speak the language of your Telegram, or that of the settings.
    [ru] 🌐 I speak Russian here.
   *[en] 🌐 I speak English here.
}
language-auto = Automatic
language-usage = I do not speak { $text }. Known are: { $known }
unknown-near = Did you mean { $commands }?

button-status = 📊 Status
button-dry-run = 🔎 Dry run
button-back = ‹ Back
button-node = 🖥 Node
button-include = ✅ Take in again
button-exclude = ⛔ Exclude
row-include = ✅ { $node }
exclude-pick = ⛔ <b>Which node</b> is to be left alone? Worst first.
exclude-how =
    ⛔ <b>{ $node }</b>: for how long?

    ⛔ neither as source nor as target
    📥 takes no VM
    📤 gives no VM away
length-open = open end
