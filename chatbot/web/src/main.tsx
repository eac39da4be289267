import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./components/App";
import { chooseLanguage, LanguageProvider } from "./i18n/language";
import { arrive, Tab } from "./login";
import "./styles/index.css";

const language = chooseLanguage(navigator.languages);
document.documentElement.lang = language.locale;
document.title = language.messages.brand;

const tab = new Tab(sessionStorage);
const arrival = arrive({ tab, page: location, history, fetch: (path, init) => fetch(path, init) });

createRoot(document.getElementById("root") as HTMLElement).render(
  <StrictMode>
    <LanguageProvider value={language}>
      <App tab={tab} arrival={arrival} />
    </LanguageProvider>
  </StrictMode>,
);
