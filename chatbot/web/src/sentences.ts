/** Cuts a growing text into whole sentences, so that a screen reader is not fed syllables. */

/** The end of a sentence: its mark with what closes it and a space, or the end of a line. */
const END = /[.!?…]["'”’)\]*_]*\s+|\n+/g;

export interface Spoken {
  /** What can be said now, free of Markdown's marks; empty when no sentence is whole yet. */
  text: string;
  /** How much of the source has been said, in UTF-16 units. */
  upTo: number;
}

/** The whole sentences of `source` beyond `from`; all the rest once it is `finished`. */
export function nextSentences(source: string, from: number, finished: boolean): Spoken {
  const rest = source.slice(from);
  let end = 0;
  if (finished) end = rest.length;
  else for (const match of rest.matchAll(END)) end = match.index + match[0].length;
  return { text: plain(rest.slice(0, end)), upTo: from + end };
}

function plain(markdown: string): string {
  return markdown
    .replace(/!?\[([^\]]*)\]\([^)]*\)/g, "$1")
    .replace(/^\s*(?:[#>]+|[-*+]|\d+\.)\s+/gm, "")
    .replace(/[*_`~|]+/g, "")
    .replace(/\s+/g, " ")
    .trim();
}
