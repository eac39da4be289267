/** Follows growing content, but only for a reader who is at its end: nobody is pulled away from a line. */

import { useCallback, useEffect, useRef, useState, type RefObject } from "react";

/** How near the end counts as at the end, in CSS pixels. */
const SLACK = 48;

export interface StickToBottom {
  scroller: RefObject<HTMLDivElement | null>;
  content: RefObject<HTMLDivElement | null>;
  atBottom: boolean;
  toBottom: () => void;
}

type Extent = Pick<Element, "scrollTop" | "scrollHeight" | "clientHeight">;

export function isAtBottom({ scrollTop, scrollHeight, clientHeight }: Extent): boolean {
  return scrollHeight - scrollTop - clientHeight <= SLACK;
}

/**
 * Whether to follow after a scroll from `before`. Only scrolling up lets go: a scroll to the end may be
 * reported when the content has already grown beyond it.
 */
export function followsAfterScroll(following: boolean, before: number, now: Extent): boolean {
  return isAtBottom(now) || (following && now.scrollTop >= before);
}

export function useStickToBottom(): StickToBottom {
  const scroller = useRef<HTMLDivElement>(null);
  const content = useRef<HTMLDivElement>(null);
  const sticking = useRef(true);
  const [atBottom, setAtBottom] = useState(true);

  const toBottom = useCallback(() => {
    sticking.current = true;
    setAtBottom(true);
    scroller.current?.scrollTo({ top: scroller.current.scrollHeight });
  }, []);

  useEffect(() => {
    const [outer, inner] = [scroller.current, content.current];
    if (outer === null || inner === null) return;
    let before = outer.scrollTop;
    const onScroll = () => {
      sticking.current = followsAfterScroll(sticking.current, before, outer);
      before = outer.scrollTop;
      setAtBottom(sticking.current);
    };
    // Growth fires no scroll event, so `sticking` still tells where the reader was before it.
    const observer = new ResizeObserver(() => {
      if (sticking.current) outer.scrollTo({ top: outer.scrollHeight });
      else onScroll();
    });
    observer.observe(inner);
    observer.observe(outer);
    outer.addEventListener("scroll", onScroll, { passive: true });
    return () => {
      observer.disconnect();
      outer.removeEventListener("scroll", onScroll);
    };
  }, []);

  return { scroller, content, atBottom, toBottom };
}
