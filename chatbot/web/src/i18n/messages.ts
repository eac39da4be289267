/** Every sentence of the page that is not the assistant's, in the shape each language fills in. */

/** The tools whose work the page can put into words. */
export type ToolName = "search_flights" | "get_offer" | "price_offer" | "find_airport" | "cheapest_dates";

/** How one tool's call reads in each state; `about` is what it is about, such as `SAO → LIS`. */
export interface ToolWords {
  running: (about: string) => string;
  done: (about: string) => string;
  error: (about: string) => string;
  stopped: (about: string) => string;
}

export interface Messages {
  brand: string;
  login: {
    heading: string;
    lead: string;
    nameLabel: string;
    nameRule: string;
    tokenLabel: string;
    tokenRule: string;
    enter: string;
    working: string;
  };
  connection: {
    connecting: string;
    online: string;
    retrying: string;
    refused: string;
    tryNow: string;
  };
  model: {
    offline: string;
    answering: (name: string) => string;
  };
  chat: {
    conversation: string;
    announcements: string;
    newChat: string;
    you: string;
    assistant: string;
    working: string;
    stopping: string;
    retry: string;
    copy: string;
    copied: string;
    notSent: string;
    unanswered: string;
    ended: string;
    toLatest: string;
  };
  /** Why an answer is not a whole one. */
  endings: {
    stopped: string;
    max_tokens: string;
    max_rounds: string;
    refused: string;
    error: string;
    interrupted: string;
  };
  /** Sentences for stable error codes; for others the gateway's own sentence is shown. */
  errors: Readonly<Record<string, string>>;
  /** The same for why a tool's call failed. */
  toolErrors: Readonly<Record<string, string>>;
  /** What the service says beside answers. */
  bulletins: {
    label: string;
    close: string;
    message: (text: string) => string;
    disconnected: (reason: string) => string;
    expiring: (time: string) => string;
  };
  composer: {
    label: string;
    placeholder: string;
    send: string;
    stop: string;
    hint: string;
    tooLong: (excess: string) => string;
  };
  empty: {
    heading: string;
    lead: string;
    examples: string;
    oneWay: (date: string) => string;
    roundTrip: (out: string, back: string) => string;
    business: (date: string) => string;
  };
  tools: Readonly<Record<ToolName, ToolWords>>;
  tool: {
    /** For tools that the page does not know. */
    running: (name: string) => string;
    done: (name: string) => string;
    flights: string;
  };
  offers: {
    found: (shown: number, total: number) => string;
    none: string;
    cheapest: (count: number, price: string) => string;
    showAll: (count: number) => string;
    showFewer: string;
    travelers: (count: number) => string;
    flight: string;
    nonstop: string;
    stops: (count: number) => string;
    via: (airport: string, pause: string) => string;
    outbound: string;
    inbound: string;
    daysLater: (days: number) => string;
    operatedBy: (carrier: string) => string;
    departs: string;
    arrives: string;
    bags: (bags: string) => string;
    noBags: string;
    seatsLeft: (count: number) => string;
    cabins: Readonly<Record<string, string>>;
  };
  source: {
    live: string;
    liveSince: (age: string) => string;
    cache: (age: string) => string;
  };
}
