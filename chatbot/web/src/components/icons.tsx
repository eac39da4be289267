/** The page's few drawings. All are decoration: what they mean is always said in words beside them. */

import type { ReactNode } from "react";

function Icon({ children }: { children: ReactNode }) {
  return (
    <svg className="icon" viewBox="0 0 20 20" aria-hidden="true" focusable="false">
      {children}
    </svg>
  );
}

export const SendIcon = () => (
  <Icon>
    <path d="M10 16V4.5M5 9.5 10 4.5l5 5" />
  </Icon>
);

export const StopIcon = () => (
  <Icon>
    <rect x="5.5" y="5.5" width="9" height="9" rx="1.5" className="icon-solid" />
  </Icon>
);

export const CopyIcon = () => (
  <Icon>
    <rect x="7" y="7" width="9" height="9" rx="2" />
    <path d="M13 4.5H6A1.5 1.5 0 0 0 4.5 6v7" />
  </Icon>
);

export const CheckIcon = () => (
  <Icon>
    <path d="m4.5 10.5 3.5 3.5 7.5-8" />
  </Icon>
);

export const RetryIcon = () => (
  <Icon>
    <path d="M15.5 10a5.5 5.5 0 1 1-1.7-4M15.5 3.5V7H12" />
  </Icon>
);

export const PlusIcon = () => (
  <Icon>
    <path d="M10 4.5v11M4.5 10h11" />
  </Icon>
);

export const DownIcon = () => (
  <Icon>
    <path d="M10 4v12M5 11l5 5 5-5" />
  </Icon>
);

export const WarnIcon = () => (
  <Icon>
    <circle cx="10" cy="10" r="7" />
    <path d="M10 6.5v4M10 13.4v.1" />
  </Icon>
);

export const InfoIcon = () => (
  <Icon>
    <circle cx="10" cy="10" r="7" />
    <path d="M10 9.5v4M10 6.5v.1" />
  </Icon>
);

export const CloseIcon = () => (
  <Icon>
    <path d="m5.5 5.5 9 9M14.5 5.5l-9 9" />
  </Icon>
);

export const StoredIcon = () => (
  <Icon>
    <circle cx="10" cy="10" r="6.5" />
    <path d="M10 6.5V10l2.5 1.5" />
  </Icon>
);

/** An aircraft from above, nose to the right, centred on the origin, 30 units long. */
const AIRCRAFT =
  "M16 0C14-2 10-2.4 6-2.4L-3-13h-3.5L-2-2.4-9-2-12-6h-2.5L-13 0l-1.5 6h2.5l3-4 7 .4L-6.5 13H-3L6 2.4c4 0 8-.4 10-2.4z";

/** The house mark: an aircraft on its track out of a departure point. */
export const Mark = () => (
  <svg className="mark" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
    <rect width="32" height="32" rx="9" className="mark-ground" />
    <path d="M7 25.5 14 18.5" className="mark-track" />
    <path d={AIRCRAFT} transform="translate(19 13.5) rotate(-45) scale(.62)" className="mark-solid" />
  </svg>
);

/** The drawing of the empty page: one route over the horizon. */
export const RouteDrawing = () => (
  <svg className="route-drawing" viewBox="0 0 400 110" aria-hidden="true" focusable="false">
    <path d="M0 92h400" className="route-ground" />
    <path d="M20 92C110 8 290 8 380 92" className="route-arc" />
    <circle cx="20" cy="92" r="7" className="route-from" />
    <circle cx="380" cy="92" r="7" className="route-to" />
    <path d={AIRCRAFT} transform="translate(200 29) scale(1.25)" className="route-aircraft" />
  </svg>
);
