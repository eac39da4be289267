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
    const onScroll = () => {
      sticking.current = outer.scrollHeight - outer.scrollTop - outer.clientHeight <= SLACK;
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
