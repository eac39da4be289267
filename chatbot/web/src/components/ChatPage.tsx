import { useCallback, useEffect, useRef } from "react";
import type { SessionMemory } from "../connection";
import { openAnswer, type Turn } from "../conversation";
import { useLanguage } from "../i18n/language";
import { useChat, type RenewToken, type SignedOut } from "../useChat";
import { useStickToBottom } from "../useStickToBottom";
import { Announcer } from "./Announcer";
import { AnswerView } from "./AnswerView";
import { Bulletins } from "./Bulletins";
import { Composer } from "./Composer";
import { ConnectionBadge } from "./ConnectionBadge";
import { EmptyState } from "./EmptyState";
import { DownIcon, Mark, PlusIcon } from "./icons";
import { QuestionBubble } from "./QuestionBubble";

interface Props {
  token: string;
  session: SessionMemory;
  onSignedOut: SignedOut;
  renewToken: RenewToken;
}

export function ChatPage({ token, session, onSignedOut, renewToken }: Props) {
  const { messages } = useLanguage();
  const chat = useChat(token, session, onSignedOut, renewToken);
  const { conversation, connection, ask, stop, newChat, closeNotice } = chat;
  const { scroller, content, atBottom, toBottom } = useStickToBottom();
  const field = useRef<HTMLTextAreaElement>(null);

  const { turns, model } = conversation;
  const online = connection.kind === "online";
  const writing = openAnswer(conversation);
  const canAsk = online && writing === null;
  // What can still be tried again, even after the session it was said in is gone.
  const last = turns.findLastIndex(({ kind }) => kind !== "break");

  const focusComposer = useCallback(() => {
    // On a touch screen focus would open the keyboard over what the reader has just asked to see.
    if (!matchMedia("(pointer: coarse)").matches) field.current?.focus();
  }, []);
  useEffect(focusComposer, [focusComposer]);

  const askHere = useCallback(
    (text: string, messageId?: string) => {
      ask(text, messageId);
      toBottom();
      focusComposer();
    },
    [ask, toBottom, focusComposer],
  );

  const stopHere = useCallback(() => {
    stop();
    focusComposer();
  }, [stop, focusComposer]);

  const closeHere = useCallback(
    (id: string) => {
      closeNotice(id);
      focusComposer();
    },
    [closeNotice, focusComposer],
  );

  const isWriting = writing !== null;
  useEffect(() => {
    if (!isWriting) return;
    const onKeyDown = (event: KeyboardEvent) => {
      if (event.key === "Escape" && !event.defaultPrevented && !event.isComposing) stopHere();
    };
    addEventListener("keydown", onKeyDown);
    return () => removeEventListener("keydown", onKeyDown);
  }, [isWriting, stopHere]);

  return (
    <div className="page">
      <header className="top">
        <h1>
          <Mark />
          {messages.brand}
        </h1>
        <ConnectionBadge state={connection} onReconnect={chat.reconnect} />
        <button
          type="button"
          className="button-quiet"
          data-testid="new-chat"
          title={messages.chat.newChat}
          disabled={!online || turns.length === 0}
          onClick={() => {
            newChat();
            focusComposer();
          }}
        >
          <PlusIcon />
          <span>{messages.chat.newChat}</span>
        </button>
      </header>
      <Bulletins bulletins={chat.notices} onClose={closeHere} />

      <main className="scroller" ref={scroller} aria-label={messages.chat.conversation} tabIndex={-1}>
        <div className="turns" ref={content}>
          {turns.length === 0 && connection.kind !== "connecting" && <EmptyState canAsk={canAsk} onAsk={askHere} />}
          {turns.map((turn, index) => (
            <TurnView
              key={turn.key}
              turn={turn}
              asked={index === last ? questionBefore(turns, index) : null}
              last={index === last}
              canAsk={canAsk}
              onAsk={askHere}
            />
          ))}
        </div>
      </main>
      <Announcer answer={writing ?? lastAnswer(turns)} />

      <footer className="bottom">
        {!atBottom && (
          <button type="button" className="to-latest" aria-label={messages.chat.toLatest} title={messages.chat.toLatest} onClick={toBottom}>
            <DownIcon />
          </button>
        )}
        <Composer
          field={field}
          online={online}
          writing={writing !== null}
          stopping={writing?.stopping ?? false}
          onAsk={askHere}
          onStop={stopHere}
        />
        <p className="model-note" data-testid="model-note" data-offline={model?.offline}>
          {model !== null && (model.offline ? messages.model.offline : messages.model.answering(model.name))}
        </p>
      </footer>
    </div>
  );
}

interface TurnProps {
  turn: Turn;
  asked: string | null;
  last: boolean;
  canAsk: boolean;
  onAsk: (text: string, messageId?: string) => void;
}

function TurnView({ turn, asked, last, canAsk, onAsk }: TurnProps) {
  const { messages } = useLanguage();
  switch (turn.kind) {
    case "question":
      return <QuestionBubble question={turn} unanswered={last} canAsk={canAsk} onAsk={onAsk} />;
    case "answer":
      return <AnswerView answer={turn} question={asked} canAsk={canAsk} onAsk={onAsk} />;
    case "break":
      return <p className="break">{messages.chat.ended}</p>;
  }
}

/** The question that the turn at `index` answers. */
function questionBefore(turns: readonly Turn[], index: number): string | null {
  const before = turns[index - 1];
  return before?.kind === "question" ? before.text : null;
}

function lastAnswer(turns: readonly Turn[]) {
  const last = turns.at(-1);
  return last?.kind === "answer" ? last : null;
}
