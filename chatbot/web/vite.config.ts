import react from "@vitejs/plugin-react";
import { loadEnv, type Plugin } from "vite";
import { defineConfig } from "vitest/config";

/** What the page may load: itself and nothing else. Only in builds, since the dev server injects inline styles. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
].join("; ");

function contentSecurityPolicy(): Plugin {
  return {
    name: "content-security-policy",
    apply: "build",
    transformIndexHtml: () => [
      {
        tag: "meta",
        attrs: { "http-equiv": "Content-Security-Policy", content: CONTENT_SECURITY_POLICY },
        injectTo: "head-prepend",
      },
    ],
  };
}

export default defineConfig(({ mode }) => {
  const { GATEWAY_URL: gateway = "http://localhost:8080" } = loadEnv(mode, ".", "GATEWAY_");
  return {
    plugins: [react(), contentSecurityPolicy()],
    build: {
      target: "es2022",
      modulePreload: { polyfill: false },
      assetsInlineLimit: 0,
      license: { fileName: "licenses.md" },
    },
    // `GATEWAY_URL=… npm run dev` serves the page from source against a gateway that is already running.
    server: {
      proxy: {
        "/config": gateway,
        "/demo": gateway,
        "/socket.io": { target: gateway, ws: true },
      },
    },
    test: { include: ["test/**/*.test.{ts,tsx}"] },
  };
});
