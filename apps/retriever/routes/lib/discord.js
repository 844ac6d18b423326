// Tells the guild's channel what was seen for the first time. Off when DISCORD_WEBHOOK is not set.

/** Characters that a message of Discord's may have. */
const LENGTH_MAX = 2000;

/** Sends one message for all rows that were found, by what they are, after this call's writes are stored. */
export function announce(rows, by) {
  if (!env.DISCORD_WEBHOOK) return;
  const found = Object.entries(rows).flatMap(([what, rows]) => rows.map((row) => ({ what, ...row })));
  if (found.length === 0) return;
  fetch(env.DISCORD_WEBHOOK, {
    method: "POST",
    headers: { "content-type": "application/json" },
    // Names come from a web page: none of them may call people.
    body: JSON.stringify({ content: message(found, by), allowed_mentions: { parse: [] } }),
  });
}

function message(found, by) {
  const lines = [`**${plain(by ?? "Somebody")}** sees for the first time:`];
  let length = lines[0].length;
  for (const [index, { what, level, name, x, y }] of found.entries()) {
    const line = `- ${what} **${plain(name ?? "?")}**${level === null ? "" : ` (level ${level})`} at ${x}, ${y}`;
    length += line.length + 1;
    if (length > LENGTH_MAX - 40) {
      lines.push(`… and ${found.length - index} more`);
      break;
    }
    lines.push(line);
  }
  return lines.join("\n");
}

/** A name without meaning for Discord's markup. */
function plain(name) {
  return name.slice(0, 100).toWellFormed().replace(/\s+/g, " ").replace(/[\\*_~`|<>@[\]]/g, "\\$&");
}
