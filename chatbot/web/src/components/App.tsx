import { useCallback, useEffect, useRef, useState } from "react";
import { renewDemo, type Tab } from "../login";
import type { ErrorInfo } from "../protocol";
import { ChatPage } from "./ChatPage";
import { LoginCard } from "./LoginCard";

interface Props {
  tab: Tab;
  /** Resolves once the address has had its say about who is here: with why it failed, or null. */
  arrival: Promise<ErrorInfo | null>;
}

type Stage = { kind: "arriving" } | { kind: "door"; reason: ErrorInfo | null } | { kind: "chat"; token: string };

/** Who is here decides what is shown: the door or the conversation. */
export function App({ tab, arrival }: Props) {
  const [stage, setStage] = useState<Stage>({ kind: "arriving" });

  useEffect(() => {
    let left = false;
    void arrival.then((reason) => {
      if (left) return;
      const { token } = tab;
      setStage(token === null || reason !== null ? { kind: "door", reason } : { kind: "chat", token });
    });
    return () => {
      left = true;
    };
  }, [arrival, tab]);

  const onToken = useCallback(
    (token: string, user: string | null) => {
      tab.token = token;
      tab.user = user;
      setStage({ kind: "chat", token });
    },
    [tab],
  );

  // A token that was renewed and not taken even once is not renewed again: that would go on for ever.
  const renewed = useRef<string | null>(null);

  // The session's id stays, so that the reader comes back to the same conversation.
  const onSignedOut = useCallback(
    (reason: ErrorInfo, wasAccepted: boolean) => {
      const inVain = !wasAccepted && renewed.current !== null && tab.token === renewed.current;
      tab.token = null;
      if (inVain) return setStage({ kind: "door", reason });
      void renewDemo(tab, reason, (path, init) => fetch(path, init)).then((token) => {
        renewed.current = token;
        setStage(token === null ? { kind: "door", reason } : { kind: "chat", token });
      });
    },
    [tab],
  );

  const renewToken = useCallback(
    () => renewDemo(tab, { code: "token_expired", message: "" }, (path, init) => fetch(path, init)),
    [tab],
  );

  switch (stage.kind) {
    case "arriving":
      return null;
    case "door":
      return <LoginCard reason={stage.reason} user={tab.user} onToken={onToken} />;
    case "chat":
      return <ChatPage token={stage.token} session={tab.session} onSignedOut={onSignedOut} renewToken={renewToken} />;
  }
}
