/** Joins the connection and the conversation for one signed-in reader. */

import { useCallback, useEffect, useReducer, useRef, useState } from "react";
import { bulletins, EXPIRING, type Bulletin } from "./bulletins";
import { Connection, type ConnectionState, type SessionMemory } from "./connection";
import { EMPTY, openAnswer, reduce, type Conversation } from "./conversation";
import { newId } from "./ids";
import { AUTH_CODES, type ErrorInfo } from "./protocol";
import { openSocket } from "./socket";

export interface Chat {
  conversation: Conversation;
  connection: ConnectionState;
  /** Send a question; with the id of one that was not delivered, send that one again. */
  ask: (text: string, messageId?: string) => void;
  /** Stop the answer that is being written. What was written stays. */
  stop: () => void;
  newChat: () => void;
  reconnect: () => void;
  /** What the gateway has to say beside answers. */
  notices: readonly Bulletin[];
  closeNotice: (id: string) => void;
}

/** Hears why the gateway does not take the token, and whether it did take it before. */
export type SignedOut = (error: ErrorInfo, wasAccepted: boolean) => void;

/** A newer token for who is here; null where only the reader can sign in. */
export type RenewToken = () => Promise<string | null>;

/** A new `token` connects anew and keeps the conversation in sight. */
export function useChat(token: string, session: SessionMemory, onSignedOut: SignedOut, renewToken: RenewToken): Chat {
  const [conversation, dispatch] = useReducer(reduce, EMPTY);
  const [notices, tell] = useReducer(bulletins, []);
  const [state, setState] = useState<ConnectionState>({ kind: "connecting" });
  const connection = useRef<Connection | null>(null);

  useEffect(() => {
    let accepted = false;
    const opened = new Connection(openSocket(token), session, {
      onState: (next) => {
        const signedOut = next.kind === "refused" && AUTH_CODES.has(next.error.code);
        setState(signedOut ? { kind: "retrying", error: null } : next);
        if (signedOut) onSignedOut(next.error, accepted);
      },
      onStarted: (started) => {
        accepted = true;
        dispatch({ type: "started", now: Date.now(), ...started });
      },
      onEvent: (event, missed) => dispatch({ type: "event", event, now: Date.now(), missed }),
      onLost: (answerId) => dispatch({ type: "lost", answerId }),
      onExpiring: (expiresAt) => void renew(expiresAt),
      onBulletin: (bulletin) => tell({ type: "posted", bulletin }),
    });
    const renew = async (expiresAt: string) => {
      const newer = await renewToken();
      if (newer !== null && (await opened.renewToken(newer)).ok) return;
      tell({ type: "posted", bulletin: { id: EXPIRING, kind: "expiring", text: expiresAt } });
    };
    tell({ type: "closed", id: EXPIRING });
    connection.current = opened;
    opened.open();
    const [lost, back] = [() => opened.networkLost(), () => opened.networkBack()];
    addEventListener("offline", lost);
    addEventListener("online", back);
    return () => {
      removeEventListener("offline", lost);
      removeEventListener("online", back);
      opened.close();
    };
  }, [token, session, onSignedOut, renewToken]);

  const writing = openAnswer(conversation);
  const online = state.kind === "online";

  // Stopping can be wished for before the answer has an id; it is sent as soon as there is one.
  const stopId = writing?.stopping === true ? writing.answerId : null;
  useEffect(() => {
    if (stopId === null) return;
    void connection.current?.stop(stopId).then((outcome) => {
      if (!outcome.ok) dispatch({ type: "stop-failed" });
    });
  }, [stopId]);

  useEffect(() => {
    if (conversation.stale && online) void connection.current?.refresh();
  }, [conversation.stale, online]);

  const ask = useCallback((text: string, messageId: string = newId()) => {
    dispatch({ type: "asked", messageId, text });
    void connection.current?.ask(messageId, text).then((outcome) => {
      if (outcome.ok) dispatch({ type: "accepted", messageId, answerId: outcome.value.answerId });
      else dispatch({ type: "rejected", messageId, error: outcome.error });
    });
  }, []);

  const stop = useCallback(() => dispatch({ type: "stopping" }), []);

  const answerId = writing?.answerId ?? null;
  const newChat = useCallback(() => {
    if (answerId !== null) void connection.current?.stop(answerId);
    dispatch({ type: "cleared" });
    void connection.current?.renew();
  }, [answerId]);

  const reconnect = useCallback(() => connection.current?.retry(), []);

  const closeNotice = useCallback((id: string) => tell({ type: "closed", id }), []);

  return { conversation, connection: state, ask, stop, newChat, reconnect, notices, closeNotice };
}
