import { useCallback, useEffect, useState } from "react";
import type { Tab } from "../login";
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
    (token: string) => {
      tab.token = token;
      setStage({ kind: "chat", token });
    },
    [tab],
  );

  // The session's id stays, so that the reader comes back to the same conversation.
  const onSignedOut = useCallback(
    (reason: ErrorInfo) => {
      tab.token = null;
      setStage({ kind: "door", reason });
    },
    [tab],
  );

  switch (stage.kind) {
    case "arriving":
      return null;
    case "door":
      return <LoginCard reason={stage.reason} onToken={onToken} />;
    case "chat":
      return <ChatPage token={stage.token} session={tab.session} onSignedOut={onSignedOut} />;
  }
}
