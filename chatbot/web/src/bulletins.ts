/** What the gateway has to say beside answers, until the reader closes it. */

/**
 * "info" and "warning" are for all users, "message" for this one; "disconnected": why the gateway ended the
 * connection; "expiring": the sign-in ends, `text` is when.
 */
export interface Bulletin {
  /** Two with the same id are the same, the later one being newer. */
  id: string;
  kind: "info" | "warning" | "message" | "disconnected" | "expiring";
  text: string;
}

/** The id of the one that says when the sign-in ends. */
export const EXPIRING = "expiring";

/** How many are shown at once, the newest ones, and these first. */
const MOST = 4;

export type BulletinAction = { type: "posted"; bulletin: Bulletin } | { type: "closed"; id: string };

export function bulletins(shown: readonly Bulletin[], action: BulletinAction): readonly Bulletin[] {
  const id = action.type === "posted" ? action.bulletin.id : action.id;
  const others = shown.filter((bulletin) => bulletin.id !== id);
  return action.type === "posted" ? [action.bulletin, ...others].slice(0, MOST) : others;
}
